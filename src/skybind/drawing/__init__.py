"""The kit of every page and figure."""
