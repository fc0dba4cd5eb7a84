"""Encoders of one's own: trained on indexed images by the LeJEPA objective, and usable as backbones at once."""
