"""One Python function, four places to run it."""

__version__ = "0.1.0"
