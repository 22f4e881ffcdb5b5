"""What is drawn: tasks with mode and last state, groups, edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        group: the innermost group around it.
        mode: where create_task put it; None for an operator not made by gaiaflow.
        parts: how many tasks a mapped one became; 0 while that is not known.
    """

    id: str
    group: str | None
    mode: str | None
    operator: str
    function: str | None
    mapped: bool
    downstream: tuple[str, ...]
    state: str | None = None
    seconds: float | None = None
    parts: int = 0

    @property
    def label(self) -> str:
        """The name inside of its group."""
        prefix = f"{self.group}." if self.group else ""
        return self.id.removeprefix(prefix)

    @property
    def where(self) -> str:
        return self.mode or self.operator

    @property
    def times(self) -> str:
        """``[3]`` for a mapped task that ran three times, ``[]`` before a run, else nothing."""
        return f"[{self.parts or ''}]" if self.mapped else ""


@dataclass(frozen=True)
class Group:
    """A TaskGroup; ``parent`` is None at the top."""

    id: str
    label: str
    parent: str | None
    mapped: bool


@dataclass(frozen=True)
class Graph:
    """One DAG, perhaps with a run of it.

    Attributes:
        tasks: from the first to the last.
    """

    dag: str
    tasks: tuple[Task, ...]
    groups: tuple[Group, ...]
    run: str | None = None
    state: str | None = None

    def parents(self) -> dict[str, str | None]:
        """The group around each task and each group."""
        return {t.id: t.group for t in self.tasks} | {g.id: g.parent for g in self.groups}

    def edges(self) -> list[tuple[str, str]]:
        return [(task.id, other) for task in self.tasks for other in task.downstream]


def graph_of(
    structure: Mapping[str, Any], run: Mapping[str, Any] | None, states: Mapping[str, Mapping[str, Any]]
) -> Graph:
    """The graph of a DAG's structure and of a run, as the stack tells it."""
    tasks = [
        Task(
            id=task["task"],
            group=task["group"],
            mode=task["mode"],
            operator=task["operator"],
            function=task["function"],
            mapped=task["mapped"],
            downstream=tuple(task["downstream"]),
            **states.get(task["task"], {}),
        )
        for task in structure["tasks"]
    ]
    groups = [Group(g["group"], g["label"], g["parent"], g["mapped"]) for g in structure["groups"]]
    known = run or {}
    return Graph(structure["dag"], tuple(tasks), tuple(groups), known.get("dag_run_id"), known.get("state"))
