"""Files that only the user reads, written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def folder(path: Path) -> Path:
    """The folder, made with 0700 and put back to it when it is wider."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write(path: Path, text: str) -> Path:
    """Write 0600 beside it, then rename: a reader sees the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)  # or a machine that loses power keeps the new name with nothing in it
    except BaseException:
        Path(name).unlink(missing_ok=True)  # on a full disk the half of it would stay
        raise
    owner = path.parent.stat()
    if os.getuid() == 0 and owner.st_uid != 0:  # the folder was handed to containers that run as somebody
        os.chown(name, owner.st_uid, owner.st_gid)
    return Path(name).replace(path)


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Make a folder from nothing in here; after an error it is gone."""
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)  # on a full disk the half of it would stay
        raise


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock of this file; it ends with the process, however that ends.

    On a file system without locks, as NFS may be, a file in this machine's temporary folder is locked.

    Args:
        wait: for whoever holds it.

    Raises:
        BlockingIOError: another holds it, and nothing waits.
    """
    with ExitStack() as held:
        try:
            _lock(held, path, wait)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            _lock(held, _elsewhere(path), wait)
        yield


def _lock(held: ExitStack, path: Path, wait: bool) -> None:
    file = held.enter_context(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w"))
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _elsewhere(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"gaiaflow-{os.getuid()}-{name}.lock")


def write_json(path: Path, value: Any) -> Path:
    return write(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file; empty when there is none or it was cut."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
