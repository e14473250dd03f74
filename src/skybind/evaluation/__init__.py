"""What a run reached: from models and embeddings to metrics.json."""
