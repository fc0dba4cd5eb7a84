"""Read the structure of encoders that the fast passes know."""
