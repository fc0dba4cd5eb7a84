"""Compare the score with the log density of data where that is known."""
