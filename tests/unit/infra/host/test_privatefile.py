"""Locks of files: one holder at a time, also where the file system has no locks."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from gaiaflow.infra.host import privatefile


@pytest.fixture(params=[0, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock's file; on a file system that knows no locks, but for the case 0."""
    home, temporary, known = tmp_path / "home", tmp_path / "tmp", fcntl.flock
    for folder in (home, temporary):
        folder.mkdir()

    def flock(file: object, operation: int) -> None:
        held = Path(f"/proc/self/fd/{file.fileno()}").readlink()  # type: ignore[attr-defined]
        if request.param and held.parent == home:
            raise OSError(request.param, os.strerror(request.param))
        known(file, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home / "lock"


def test_one_at_a_time_holds_it(place: Path) -> None:
    with (
        privatefile.locked(place),
        privatefile.locked(place.with_name("another"), wait=False),
        pytest.raises(BlockingIOError),
        privatefile.locked(place, wait=False),
    ):
        pass
    with privatefile.locked(place, wait=False):
        pass


def test_other_errors_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), privatefile.locked(tmp_path / "none" / "lock"):
        pass
