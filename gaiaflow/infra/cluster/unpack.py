"""Unpack a tar from stdin into FOLDER, in the place of what is there: run in a pod, by the image's Python.

``python -c SOURCE FOLDER``. A client of the API server cannot end stdin, so the tar comes in pieces, each after
its length as eight hex digits; the length 0 ends it, and the SHA-256 of the tar follows as hex. What is there
is replaced only when all of it has arrived; then `done` is printed. Stdlib only.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

NEW = ".gaiaflow-new"
# The folder of a file system that has one.
_KEPT = {NEW, "lost+found"}


class Pieces:
    """The tar as a file to read from."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left, self.ended, self.sha256 = stream, 0, False, hashlib.sha256()

    def read(self, size: int) -> bytes:
        if not self.left and not self.ended:
            self.left = int(self.stream.read(8), 16)
            self.ended = not self.left
        found: bytes = self.stream.read(min(size, self.left)) if self.left else b""
        if self.left and not found:
            raise EOFError("the stream ended")
        self.left -= len(found)
        self.sha256.update(found)
        return found


def unpack(stream: Any, folder: Path) -> None:
    """Replace the content of a folder.

    Raises:
        ValueError: the tar is not what was sent.
    """
    new, pieces = folder / NEW, Pieces(stream)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    with tarfile.open(fileobj=pieces, mode="r|") as archive:  # type: ignore[call-overload]
        # The sender has set the modes, and refused links that lead out.
        if hasattr(tarfile, "fully_trusted_filter"):
            archive.extraction_filter = tarfile.fully_trusted_filter
        archive.extractall(new)  # noqa: S202
    while pieces.read(1 << 20):
        pass
    if stream.read(64).decode() != pieces.sha256.hexdigest():
        raise ValueError("not all of it arrived")
    replace(folder, new)


def replace(folder: Path, new: Path) -> None:
    """Put what is in the new folder in the place of what is in the folder around it."""
    for path in [path for path in folder.iterdir() if path.name not in _KEPT]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in list(new.iterdir()):
        path.rename(folder / path.name)
    folder.chmod(new.stat().st_mode & 0o777)
    new.rmdir()


if __name__ == "__main__":
    unpack(sys.stdin.buffer, Path(sys.argv[1]))
    sys.stdout.write("done\n")
