"""Figures of the report: each function gives a matplotlib `Figure`, built without pyplot."""
