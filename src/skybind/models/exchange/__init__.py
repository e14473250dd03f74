"""Weights that others made, taken as models of skybind, and models given to others."""
