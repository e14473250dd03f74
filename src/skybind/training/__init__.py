"""Pre-training and fine-tuning: the losses and the loop."""
