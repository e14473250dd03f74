"""Search over embeddings."""
