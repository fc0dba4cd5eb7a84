"""Whether a score may be read as a density: how Gaussian the embeddings are, and how baseline scores compare."""
