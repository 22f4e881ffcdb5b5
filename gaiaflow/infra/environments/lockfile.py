"""The lock of a conda solve: rattler's own format, with what gaiaflow adds in comments.

    # gaiaflow: 3f5a0c5e9b21c7de
    # pip: six==1.17.0 --hash=sha256:...
    version: 7
    ...

The first line says what it was solved from; the ``pip`` lines are what pip put on top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from gaiaflow.infra.host import privatefile

# The list of packages; each has its archive's name, which has name, version and build.
_ENTRY = re.compile(r"^- conda: \S*?([^/\s]+)-([^-/\s]+)-[^-/\s]+\.(?:conda|tar\.bz2)$", re.MULTILINE)
_LOCAL = re.compile(r"^- conda: ((?:file:|[./]).*)$", re.MULTILINE)
_MADE_OF, _PIP = "# gaiaflow: ", "# pip: "


@dataclass(frozen=True)
class Kept:
    """A lock that was written.

    Attributes:
        made_of: stands for the manifest that was solved; empty in a lock that others wrote.
        pip: one requirement a line.
    """

    file: Path
    made_of: str = ""
    pip: list[str] = field(default_factory=list)


def read(file: Path) -> Kept | None:
    """The lock, or None where there is no such file."""
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").splitlines()
    made_of = next((line[len(_MADE_OF) :] for line in lines[:1] if line.startswith(_MADE_OF)), "")
    return Kept(file, made_of, [line[len(_PIP) :] for line in lines if line.startswith(_PIP)])


def pins(kept: Kept) -> list[str]:
    """Its packages: conda's as ``name=version``, pip's as requirements."""
    found = _ENTRY.findall(kept.file.read_text(encoding="utf-8"))
    return [*(f"{name}={version}" for name, version in dict.fromkeys(found)), *kept.pip]


def local(kept: Kept) -> list[str]:
    """The archives of conda that lie on this machine's disk."""
    return _LOCAL.findall(kept.file.read_text(encoding="utf-8"))


def write(file: Path, solved: str, made_of: str, pip: list[str]) -> Kept:
    """Write what rattler solved, with the comments; the file is whole or not there."""
    body = "".join(line for line in solved.splitlines(keepends=True) if not line.startswith("#"))
    head = "".join(f"{line}\n" for line in [_MADE_OF + made_of, *(_PIP + item for item in pip)])
    privatefile.write(file, head + body)
    return Kept(file, made_of, pip)
