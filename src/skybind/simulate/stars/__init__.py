"""Simulated variable stars."""
