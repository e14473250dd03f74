"""Readers of survey files: one file a format or survey."""
