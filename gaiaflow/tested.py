"""The versions that gaiaflow is tested with; docs/reference/compatibility.md is made from this table."""

from __future__ import annotations

import re
from typing import NamedTuple


class Part(NamedTuple):
    """Something that gaiaflow works with.

    Attributes:
        oldest, newest: major and minor of the versions at both ends that the tests ran on.
    """

    name: str
    oldest: tuple[int, int]
    newest: tuple[int, int]

    @property
    def span(self) -> str:
        return f"{dotted(self.oldest)} to {dotted(self.newest)}"


ENGINE = Part("Docker engine", (20, 10), (30, 0))
KUBERNETES = Part("Kubernetes", (1, 34), (1, 37))
AIRFLOW = Part("Airflow", (3, 1), (3, 3))
PYTHON = Part("Python", (3, 10), (3, 14))
PARTS = (ENGINE, KUBERNETES, AIRFLOW, PYTHON)


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def minor(version: str) -> tuple[int, int] | None:
    """Major and minor of a version as programs print it, ``v1.34.4+k3s1``; None where it has none."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def outside(part: Part, version: str) -> str:
    """A sentence for a version outside of the tested ones; empty for one of them, and for an unknown one."""
    found = minor(version)
    if found is None or part.oldest <= found <= part.newest:
        return ""
    return f"{part.name} {dotted(found)} is outside of the versions that gaiaflow is tested with, {part.span}"
