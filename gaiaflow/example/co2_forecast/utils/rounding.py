"""Numbers with the same digits on every machine."""

from __future__ import annotations

DIGITS = 4


def rounded(value: float, digits: int = DIGITS) -> float:
    """A plain float, rounded: also of what numpy and pandas compute."""
    return round(float(value), digits)
