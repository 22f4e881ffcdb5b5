"""Draws a DAG as lines of text: one line a task, rails for the edges, as version control draws its branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gaiaflow.dags.graph.model import Graph, Task

SIGNS = {
    "success": "●",
    "failed": "✗",
    "upstream_failed": "✗",
    "running": "▶",
    "skipped": "○",
    "up_for_retry": "↻",
}
UNKNOWN = "○"
# What connects which sides; by up, down, left, right.
_JOINTS = {
    (1, 1, 0, 0): "│",
    (0, 0, 1, 1): "─",
    (1, 0, 0, 1): "╰",
    (1, 0, 1, 0): "╯",
    (0, 1, 0, 1): "╭",
    (0, 1, 1, 0): "╮",
    (1, 1, 0, 1): "├",
    (1, 1, 1, 0): "┤",
    (0, 1, 1, 1): "┬",
    (1, 0, 1, 1): "┴",
    (1, 1, 1, 1): "┼",
    (1, 0, 0, 0): "│",
    (0, 1, 0, 0): "│",
}


@dataclass(frozen=True)
class Line:
    """One line: rails, then either a task, or a group's name, or nothing."""

    rails: str
    task: Task | None = None
    group: str | None = None
    depth: int = 0


@dataclass
class _Rails:
    """The edges under way: each column waits for one task."""

    columns: list[str | None] = field(default_factory=list)

    def column(self, task: str) -> int:
        """The task's own column, or a free one."""
        if task not in self.columns:
            free = self.columns.index(None) if None in self.columns else len(self.columns)
            self.columns[free : free + 1] = [task]
        return self.columns.index(task)

    def row(self, here: int | None = None, sign: str = "") -> str:
        """The rails as they pass a line."""
        cells = ["│" if name else " " for name in self.columns]
        if here is not None:
            cells[here] = sign
        return " ".join(cells).rstrip()

    def branch(self, task: str, targets: tuple[str, ...]) -> str | None:
        """Let the task's column go on to its targets; the line that shows it, if anything turns."""
        start = self.columns.index(task)
        before = [name is not None for name in self.columns]
        self.columns[start] = None
        open_targets = [t for t in targets if t not in self.columns]
        if open_targets:
            self.columns[start] = open_targets[0]
        ends = {self.column(target) for target in targets}
        if not ends or ends == {start}:
            self._trim()
            return None
        line = self._turn(start, ends, before)
        self._trim()
        return line

    def _turn(self, start: int, ends: set[int], before: list[bool]) -> str:
        low, high = min({start, *ends}), max({start, *ends})
        text = ""
        for number, name in enumerate(self.columns):
            up = number < len(before) and before[number]
            left, right = low < number <= high, low <= number < high
            touched = number == start or number in ends
            if not touched:
                crossed = "┼" if left and right and name else "─" if left and right else "│" if name else " "
                text += crossed
            else:
                text += _JOINTS.get((int(up), int(name is not None), int(left), int(right)), " ")
            text += "─" if right else " "
        return text.rstrip()

    def _trim(self) -> None:
        while self.columns and self.columns[-1] is None:
            self.columns.pop()


def lines(graph: Graph) -> Iterator[Line]:
    """The drawing, from the first task to the last."""
    labels = {group.id: group.label + ("[]" if group.mapped else "") for group in graph.groups}
    parents = graph.parents()
    rails, shown = _Rails(), list[str]()
    for task in in_order(graph):
        around = _groups_around(task.group, parents)
        same = sum(1 for a, b in zip(shown, around, strict=False) if a == b)
        for depth, group in enumerate(around[same:], start=same):
            yield Line(rails.row(), group=labels[group], depth=depth)
        shown = around
        here = rails.column(task.id)
        yield Line(rails.row(here, SIGNS.get(task.state or "", UNKNOWN)), task=task, depth=len(around))
        turn = rails.branch(task.id, task.downstream)
        if turn:
            yield Line(turn)


def _groups_around(group: str | None, parents: Mapping[str, str | None]) -> list[str]:
    found: list[str] = []
    while group is not None:
        found.insert(0, group)
        group = parents[group]
    return found


def in_order(graph: Graph) -> list[Task]:
    """Upstream tasks first, and the tasks of a group together where that is possible."""
    waiting = {task.id: 0 for task in graph.tasks}
    for _, after in graph.edges():
        waiting[after] += 1
    parents, by_id = graph.parents(), {task.id: task for task in graph.tasks}
    found: list[Task] = []
    around: list[str] = []
    while waiting:
        ready = [name for name, count in waiting.items() if count == 0]
        here = around
        chosen = max(ready, key=lambda name: _shared(_groups_around(by_id[name].group, parents), here))
        del waiting[chosen]
        found.append(by_id[chosen])
        around = _groups_around(by_id[chosen].group, parents)
        for after in by_id[chosen].downstream:
            waiting[after] -= 1
    return found


def _shared(one: list[str], other: list[str]) -> int:
    return sum(1 for a, b in zip(one, other, strict=False) if a == b)
