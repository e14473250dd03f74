"""Embeddings: making them and storing them."""
