"""One offline file about a dataset, to send to a colleague: what is in it, its extremes and faults, a recipe."""
