"""A run: one configuration on one dataset, in one folder."""
