"""What a run of a DAG came to: one shape for dag.test, dag.run and the matrix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SUCCESS = "success"
# The state of a mapped task is the worst of its parts; what is not listed has not ended.
_WORST_FIRST = ("failed", "upstream_failed", "removed")
_GOOD = (SUCCESS, "skipped")


@dataclass(frozen=True)
class TaskResult:
    """One task of a run.

    Attributes:
        state: Airflow's word for it; of a mapped task the worst of its parts.
        value: what the function returned; of a mapped task the list, in the order of the map.
        seconds: from its start to its end; of a mapped task the sum.
        error: the last line of a failure.
    """

    state: str
    value: Any
    seconds: float
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"state": self.state, "value": self.value, "seconds": self.seconds}
        return found if self.error is None else {**found, "error": self.error}


@dataclass(frozen=True)
class RunResult:
    """One run of a DAG.

    Attributes:
        dag: the id of the DAG.
        state: Airflow's word for it, such as ``success`` or ``failed``.
        tasks: each task by its id, ``group.task`` in a TaskGroup.
        edges: each task's downstream tasks.
        assets: the asset events that it brought, each as ``[task, asset, extra]``, in this order.
    """

    dag: str
    state: str
    tasks: dict[str, TaskResult]
    edges: dict[str, list[str]] = field(default_factory=dict)
    assets: list[list[Any]] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether its state is ``success``."""
        return self.state == SUCCESS

    def as_dict(self) -> dict[str, Any]:
        return {
            "dag": self.dag,
            "state": self.state,
            "tasks": {name: task.as_dict() for name, task in self.tasks.items()},
        }


@dataclass(frozen=True)
class Part:
    """One task instance: a task, or one of a mapped task's."""

    map_index: int
    state: str
    value: Any
    seconds: float
    error: str | None = None


def combine(parts: Iterable[Part], mapped: bool) -> TaskResult:
    """The task of its instances."""
    ordered = sorted(parts, key=lambda part: part.map_index)
    if not mapped and len(ordered) == 1:
        only = ordered[0]
        return TaskResult(only.state, only.value, only.seconds, only.error)
    return TaskResult(
        state=worst([part.state for part in ordered]),
        value=[part.value for part in ordered if part.map_index >= 0],
        seconds=round(sum(part.seconds for part in ordered), 3),
        error=next((part.error for part in ordered if part.error), None),
    )


def worst(states: list[str]) -> str:
    """The worst of the states of a mapped task."""
    bad = [state for state in _WORST_FIRST if state in states]
    unfinished = [state for state in states if state not in _GOOD]
    if bad or unfinished:
        return (bad or unfinished)[0]
    return SUCCESS if SUCCESS in states or not states else states[0]


def last_line(text: str) -> str:
    """The error of a traceback, without our own hint below it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith("hint: ")] or [text]
    return kept[-1]


def same(first: Any, other: Any) -> bool:
    """Equal also in kind: 1, 1.0 and True are three values."""
    return json.dumps(first, sort_keys=True) == json.dumps(other, sort_keys=True)
