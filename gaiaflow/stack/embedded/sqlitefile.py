"""A SQLite database that is about to change its tables; what was cut off half-way is taken back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

_BESIDE = ("-journal", "-wal", "-shm")


def begin(database: Path, new: bool) -> None:
    """Keep a copy to come back to; after a change that was cut off, come back to it first.

    Args:
        new: no change of it has ever come to its end, so that nothing of anybody is in it.
    """
    copy = _copy(database)
    if copy.exists():
        _remove(database)
        copy.replace(database)
    elif new:
        _remove(database)
    if database.exists():
        _back_up(database, copy)


def settled(database: Path) -> None:
    """The change is whole: the copy goes."""
    _copy(database).unlink(missing_ok=True)


def _copy(database: Path) -> Path:
    return database.with_name(f"{database.name}.before")


def _back_up(database: Path, copy: Path) -> None:
    """By SQLite itself, which takes along what a killed process left in the journal."""
    half = copy.with_name(f"{copy.name}.half")
    half.unlink(missing_ok=True)
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(half)) as target:
        source.backup(target)
    half.replace(copy)


def _remove(database: Path) -> None:
    for path in (database, *(database.with_name(database.name + end) for end in _BESIDE)):
        path.unlink(missing_ok=True)
