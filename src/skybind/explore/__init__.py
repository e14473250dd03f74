"""The explorer: a run's objects seen, searched and compared in a browser."""
