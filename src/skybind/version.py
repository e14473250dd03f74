"""The version of skybind."""

__version__ = "0.1.0"
