"""The background process that does the jobs."""
