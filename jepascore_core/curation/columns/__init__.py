"""Columns that rules ask for, computed once and cached."""
