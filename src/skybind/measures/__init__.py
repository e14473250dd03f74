"""Tasks: pure functions from embeddings, predictions and labels to result dataclasses."""
