"""Processes that live: who one is, how it is ended, and what a killed command left at work.

A command that is asked to end ends its children too. One that is killed cannot, and they would go on making
an environment or starting containers behind the back of the next `inv dev.stop`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from gaiaflow import envvar
from gaiaflow.infra.host.process import run

MARK = envvar.COMMAND
_PLAIN = {"LC_ALL": "C", "TZ": "UTC"}


def mark(project_id: str) -> dict[str, str]:
    """What the environment of a child gets that must not outlive this command."""
    return {MARK: f"{project_id}/{os.getpid()}/{started(os.getpid())}"}


def left(project_id: str) -> list[int]:
    """The children of the project's commands that are gone themselves."""
    return [pid for pid, value in marks(MARK).items() if _orphaned(value, project_id)]


def end_left(project_id: str) -> None:
    """End them; what a living command does is left alone."""
    end(lambda: left(project_id))


def _orphaned(value: str, project_id: str) -> bool:
    whose, _, command = value.partition("/")
    pid, _, begun = command.partition("/")
    return whose == project_id and pid.isdecimal() and started(int(pid)) != begun


def started(pid: int) -> str | None:
    """When a process began, as a word that another process of the same pid will not have; None without it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self").exists() else _started_by_ps(pid)
    return None if fields[0] == "Z" else fields[19]


def _started_by_ps(pid: int) -> str | None:
    # The local time and language of a command may differ from those of the one that wrote it down.
    output = run(["ps", "-o", "lstart=", "-p", str(pid)], env={**os.environ, **_PLAIN}, check=False)
    return output.stdout.strip() or None


def recorded(record: Mapping[str, Any]) -> int | None:
    """The pid of a record, while the process lives that it was written for; None for anything else."""
    pid, begun = record.get("pid"), record.get("started")
    return pid if type(pid) is int and pid > 0 and begun and started(pid) == begun else None


def name_of(pid: int) -> str:
    """The program's name, for a message; its arguments may hold secrets and stay out."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?" if Path("/proc/self").exists() else _name_by_ps(pid)


def _name_by_ps(pid: int) -> str:
    return run(["ps", "-o", "comm=", "-p", str(pid)], check=False).stdout.strip() or "?"


def signal(pid: int, number: int) -> None:
    """Send a signal; a process that is gone by now is fine. Never to a group, which 0 and less would mean."""
    if pid > 0:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def marked(variable: str, value: str) -> list[int]:
    """The living processes of this user whose environment carries the mark, wherever they moved to.

    The mark is inherited, so it finds what left its process group. Empty where there is no /proc.
    """
    return [pid for pid, found in marks(variable).items() if found == value]


def marks(variable: str) -> dict[int, str]:
    """The variable's value in the living processes of this user that started with it, by pid."""
    needle = f"{variable}=".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        value = next((entry for entry in environment if entry.startswith(needle)), None)
        if value is not None and pid != os.getpid() and started(pid):
            found[pid] = os.fsdecode(value[len(needle) :])
    return found


def end(find: Callable[[], Iterable[int]]) -> None:
    """End the processes that `find` names: ask, wait 2 s, then kill, also what they made meanwhile."""
    for number, patience in ((SIGTERM, 2.0), (SIGKILL, 1.0)):
        deadline = time.monotonic() + patience
        left = list(find())
        for pid in left:
            signal(pid, number)
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = [pid for pid in left if started(pid)]
