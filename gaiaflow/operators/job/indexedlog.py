"""The log of one call of several: each line begins with its index."""

from __future__ import annotations

from typing import Any


class IndexedLog:
    """Marks the lines of one call; what its operator says of itself is said once, by the task."""

    def __init__(self, log: Any, index: int) -> None:
        self._log, self._index = log, index

    def log(self, level: int, text: str, *values: Any) -> None:
        """Log a line of the function."""
        self._log.log(level, f"[%d] {text}", self._index, *values)

    def info(self, text: str, *values: Any) -> None:
        """Drop it."""

    def warning(self, text: str, *values: Any) -> None:
        """Log a warning of the operator."""
        self._log.warning(f"[%d] {text}", self._index, *values)
