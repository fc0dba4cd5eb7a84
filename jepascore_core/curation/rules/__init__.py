"""Rules: conditions, how they are parsed from text, and how they are printed."""
