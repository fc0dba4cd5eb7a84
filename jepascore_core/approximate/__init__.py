"""Calibrated runs and cascades over a whole dataset."""
