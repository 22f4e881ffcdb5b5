"""Requirements with pins, and which of two wins."""

from __future__ import annotations

import re


def merge_pins(first: str, second: str) -> str:
    """The pins of both requirement files, without hashes; where both pin a package the first holds."""
    taken = {package_name(line) for line in first.splitlines()}
    rest = [line.rstrip(" \\") for line in second.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    kept = [line for line in first.splitlines() if "==" in line]
    return "\n".join([*kept, *(line for line in rest if package_name(line) not in taken)]) + "\n"


def package_name(line: str) -> str:
    """The package of a requirement, as PyPI spells it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]).lower()
