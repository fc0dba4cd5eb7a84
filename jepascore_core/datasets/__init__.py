"""Datasets: a source (folder, table, zip, idx) is read into manifest rows, failures and thumbnails on disk.

Data flow: sources -> candidates -> indexing (reading -> content -> decoding -> thumbnails) -> manifest parts.
"""
