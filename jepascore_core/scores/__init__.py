"""Sets of scores, their tables and their coverage."""
