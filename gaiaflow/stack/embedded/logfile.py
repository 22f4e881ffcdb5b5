"""The end of a log file, and what is added to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_BLOCK = 256 * 1024


def last_lines(file: Path, count: int) -> list[str]:
    """At most so many lines from the end; none when there is no file."""
    if count <= 0 or not file.exists():
        return []
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _BLOCK))
        return stream.read().decode(errors="replace").splitlines()[-count:]


def follow_files(files: Mapping[str, Path]) -> Iterator[str]:
    """New lines of all files as they come, headed by their names, for ever."""
    places = {name: file.stat().st_size if file.exists() else 0 for name, file in files.items()}
    while True:
        for name, file in files.items():
            size = file.stat().st_size if file.exists() else 0
            if size < places[name]:
                places[name] = 0  # the file was rotated
            if size > places[name]:
                with file.open("rb") as stream:
                    stream.seek(places[name])
                    whole = stream.read().rpartition(b"\n")[0]
                places[name] += len(whole) + 1 if whole else 0
                yield from (f"{name} | {line}" for line in whole.decode(errors="replace").splitlines())
        time.sleep(0.5)
