"""Whole experiments: a run from dataset to report, and the demonstration."""
