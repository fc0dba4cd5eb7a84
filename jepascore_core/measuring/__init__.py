"""Measure images: estimators, precision, the pipeline from pending images to shards."""
