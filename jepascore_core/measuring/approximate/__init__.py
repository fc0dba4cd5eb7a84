"""Calibrated runs and cascades: predict most scores, measure the rest exactly."""
