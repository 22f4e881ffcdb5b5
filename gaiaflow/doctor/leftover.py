"""What a dead stack left behind, and files of the stack that others can read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.doctor.check import Check, Fix, ok, warning
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import EVERY
from gaiaflow.infra.host import living, privatefile

# Files that name a process and when it began.
_RECORDS = ("run/supervisor.json", "cluster/gateway.json")
_PRIVATE = (
    "keys.json", "state.json", "secrets/*", "prodlocal/*", "cluster/admin", "cluster/*.json", "compose/*.env",
    "compose/task/*.env",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        stale: records of processes that are gone.
        orphans: how many processes run on without their supervisor.
        opened: private files and folders that others can read.
    """

    stale: tuple[Path, ...] = ()
    orphans: int = 0
    opened: tuple[Path, ...] = ()


def read(place: Place) -> Facts:
    home = place.project.home
    stale = tuple(home / name for name in _RECORDS if _is_stale(home / name))
    supervised = (home / _RECORDS[0]).exists() and home / _RECORDS[0] not in stale
    marks = () if supervised else EVERY
    orphans = {pid for name in marks for pid in living.marked(envvar.STACK, f"{place.project.id}/{name}")}
    return Facts(stale, len(orphans), tuple(_opened(home)))


def _is_stale(record: Path) -> bool:
    kept = privatefile.read_json(record)
    return bool(kept) and living.recorded(kept) is None


def _opened(home: Path) -> Iterator[Path]:
    """The user's own only: what was handed to containers belongs to their user."""
    for path in [home, *(path for pattern in _PRIVATE for path in home.glob(pattern))]:
        if path.exists() and not path.is_symlink():
            entry = path.stat()
            if entry.st_mode & 0o077 and entry.st_uid == os.getuid():
                yield path


def stale(facts: Facts) -> Check:
    if facts.orphans:
        return warning(f"{facts.orphans} processes of a dead stack still run", "inv dev.stop")
    if not facts.stale:
        return ok("nothing of a dead stack is left")
    names = ", ".join(f"`{path.name}`" for path in facts.stale)
    fix = Fix(f"remove {', '.join(map(str, facts.stale))}", lambda: _remove(facts.stale))
    return warning(f"{names} of a dead stack is left", "inv doctor --fix", fix)


def private(facts: Facts) -> Check:
    if not facts.opened:
        return ok("keys and state are for this user only")
    fix = Fix(f"close {', '.join(map(str, facts.opened))} to others", lambda: _close(facts.opened))
    named = ", ".join(f"`{path}`" for path in facts.opened)
    return warning(f"others can read {named}", f"chmod go= {facts.opened[0]}", fix)


def _remove(paths: tuple[Path, ...]) -> None:
    for path in paths:
        path.unlink()


def _close(paths: tuple[Path, ...]) -> None:
    for path in paths:
        path.chmod(path.stat().st_mode & 0o700)
