"""Portal: a two-site video window."""

__version__ = "0.1.0"
