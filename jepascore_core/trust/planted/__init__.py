"""Planted defects: which score finds which kind of defect on these images, measured rather than assumed."""
