"""Ask for work, follow it, cancel it."""
