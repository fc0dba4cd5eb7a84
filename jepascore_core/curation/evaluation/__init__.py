"""Evaluate what a curation keeps."""
