"""What a cut does to a classifier: linear probes trained on what is kept, on random subsets, and on everything."""
