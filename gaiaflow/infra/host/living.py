"""What a killed command left at work, its uv, compose or build: known by a mark, ended by the next command.

A command that is told to end takes its children along. One that is killed cannot, and they would go on making
an environment or starting containers behind the back of the next `inv dev.stop`.
"""

from __future__ import annotations

import os

from gaiaflow.infra.host import process

MARK = "GAIAFLOW_COMMAND"


def mark(project_id: str) -> dict[str, str]:
    """What the environment of a child gets that must not outlive this command."""
    return {MARK: f"{project_id}/{os.getpid()}/{process.started(os.getpid())}"}


def left(project_id: str) -> list[int]:
    """The children of the project's commands that are gone themselves."""
    return [pid for pid, value in process.marks(MARK).items() if _orphaned(value, project_id)]


def end(project_id: str) -> None:
    """End them; what a living command does is left alone."""
    process.end(lambda: left(project_id))


def _orphaned(value: str, project_id: str) -> bool:
    whose, _, command = value.partition("/")
    pid, _, begun = command.partition("/")
    return whose == project_id and pid.isdecimal() and process.started(int(pid)) != begun
