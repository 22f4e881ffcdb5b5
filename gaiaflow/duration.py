"""A length of time as people write it: `90s`, `30m`, `1h`."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"(\d+)([smhd])")


def seconds(text: object) -> int:
    """The seconds of a length of time; `0` needs no unit.

    Raises:
        ValueError: it is none.
    """
    if str(text) == "0":
        return 0
    if not (match := _FORM.fullmatch(str(text))):
        raise ValueError(f"{text!r} is not a length of time as 90s, 30m or 1h")
    return int(match[1]) * _UNITS[match[2]]


def spoken(length: float) -> str:
    """A length of time in its largest whole unit: ``90 s``, ``30 min``, ``1 h``."""
    for unit, size in (("h", 3600), ("min", 60)):
        if length >= size and length % size == 0:
            return f"{length // size:g} {unit}"
    return f"{length:g} s"
