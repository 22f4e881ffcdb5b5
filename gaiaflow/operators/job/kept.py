"""The values of the calls that succeeded in an attempt that failed, on this machine, for the next attempt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = "gaiaflow-calls"
# How long they are kept, in seconds.
LONGEST = 24 * 3600


def digest(calls: Sequence[str]) -> str:
    """What tells one list of calls from another."""
    return hashlib.sha256("\n".join(calls).encode()).hexdigest()[:32]


class Kept:
    """The values of a task's calls.

    Attributes:
        results: the value of each call that succeeded, as JSON, by its index.
    """

    def __init__(self, file: Path | None, of: str) -> None:
        self._file, self._of = file, of
        self.results: dict[int, str] = self._read()

    @classmethod
    def of(cls, ti: Any, calls: Sequence[str]) -> Kept:
        """What earlier attempts of a task instance left for these calls."""
        home = os.environ.get("AIRFLOW_HOME")
        name = hashlib.sha256("\0".join(map(str, (ti.dag_id, ti.task_id, ti.run_id, ti.map_index))).encode())
        file = Path(home, FOLDER, f"{name.hexdigest()[:32]}.json") if home else None
        return cls(file, digest(calls))

    def values(self, count: int) -> list[Any]:
        """The values of all calls, in order."""
        return [json.loads(self.results[index]) for index in range(count)]

    def write(self) -> None:
        """Keep the values, readable by this user alone; without them the next attempt makes all calls."""
        if self._file is None or not self.results:
            return
        text = json.dumps({"of": self._of, "results": self.results})
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            _forget_old(self._file.parent)
            new = self._file.with_suffix(f".{os.getpid()}")
            new.touch(mode=0o600)
            new.write_text(text, encoding="utf-8")
            new.replace(self._file)

    def forget(self) -> None:
        """The task has succeeded."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)

    def _read(self) -> dict[int, str]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            same = found.get("of") == self._of
            return {int(index): str(text) for index, text in found["results"].items()} if same else {}
        except (OSError, ValueError, KeyError, AttributeError):
            return {}


def _forget_old(folder: Path) -> None:
    for file in folder.iterdir():
        if time.time() - file.stat().st_mtime > LONGEST:
            file.unlink()
