"""Rules: what a condition is, how it is read from text, and how it is written."""
