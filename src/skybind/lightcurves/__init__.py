"""Periods and features of light curves."""
