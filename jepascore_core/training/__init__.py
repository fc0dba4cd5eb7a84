"""Train small encoders on a dataset's images."""
