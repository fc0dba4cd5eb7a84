"""Whether a score may be read as a density: how Gaussian the embeddings are, and what cheaper scores say."""
