"""Is the score the log density where that is known?"""
