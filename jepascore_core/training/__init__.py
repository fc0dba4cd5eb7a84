"""Train small encoders on one's own images."""
