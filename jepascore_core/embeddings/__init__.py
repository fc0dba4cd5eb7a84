"""Work with embeddings: indexes, files, baseline scores, diverse selections."""
