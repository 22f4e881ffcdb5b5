"""One cell of the matrix: a DAG in a mode, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gaiaflow.result import RunResult

if TYPE_CHECKING:
    pass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Cell:
    """One DAG in one mode.

    Attributes:
        project: the name of the project.
        dag: the id of the DAG.
        mode: one of the four, or ``all`` for a file that does not import.
        outcome: passed, failed or skipped.
        how: ``ran``, ``rendered`` or empty.
        detail: what is missing, or what is wrong, each in one line.
        seconds: how long it took.
        run: the run of the DAG; None where none was.
    """

    project: str
    dag: str
    mode: str
    outcome: str
    how: str = ""
    detail: list[str] = field(default_factory=list)
    seconds: float = 0.0
    run: RunResult | None = None

    def as_dict(self) -> dict[str, Any]:
        known = {"project": self.project, "dag": self.dag, "mode": self.mode, "outcome": self.outcome}
        rest = {"how": self.how, "detail": self.detail, "seconds": self.seconds}
        return {**known, **rest, "run": self.run.as_dict() if self.run else None}
