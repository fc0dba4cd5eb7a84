"""Read the structure of encoders that the structured passes support."""
