"""Which objects to label next, and training with the answers."""
