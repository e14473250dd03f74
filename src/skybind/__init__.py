"""Bind the views of one star or galaxy in one embedding space."""

__version__ = "0.1.0"
