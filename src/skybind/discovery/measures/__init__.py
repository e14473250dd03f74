"""Measures of discovery: pure functions on arrays."""
