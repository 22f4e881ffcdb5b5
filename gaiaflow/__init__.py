"""One Python function, four places to run it."""

__version__ = "1.0.0"
