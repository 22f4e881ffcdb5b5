"""Places tasks and groups: each group is laid out by itself, then as one box of the group around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gaiaflow.dags.graph.layers import LEFT, RIGHT, Edge, Layered, Point, lay_out
from gaiaflow.dags.graph.model import Graph

PAD = 18.0
HEAD = 30.0


@dataclass
class Layout:
    """Everything with its place; y grows downwards.

    Attributes:
        tasks, groups: x, y, width, height.
        lines: the points of each edge, from the right border of a task to the left border of another.
    """

    tasks: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    groups: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    lines: dict[Edge, list[Point]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def place(graph: Graph, sizes: Mapping[str, Point]) -> Layout:
    """The layout of a graph.

    Args:
        sizes: width and height of each task's box.
    """
    return _Placing(graph, sizes).run()


class _Placing:
    def __init__(self, graph: Graph, sizes: Mapping[str, Point]) -> None:
        self.graph, self.sizes = graph, dict(sizes)
        self.parent = graph.parents()
        self.levels: dict[str | None, Layered] = {}
        self.layout = Layout()

    def run(self) -> Layout:
        self._size(None)
        self._put(None, 0.0, 0.0)
        for edge in self.graph.edges():
            self.layout.lines[edge] = self._line(edge)
        self.layout.width, self.layout.height = self.levels[None].width, self.levels[None].height
        return self.layout

    def _children(self, group: str | None) -> list[str]:
        named = [t.id for t in self.graph.tasks] + [g.id for g in self.graph.groups]
        return [name for name in named if self.parent[name] == group]

    def _up(self, name: str) -> list[str | None]:
        """The task, the groups around it from the inside, and at last None."""
        found: list[str | None] = [name]
        while found[-1] is not None:
            found.append(self.parent[found[-1]])
        return found

    def _hop(self, edge: Edge, group: str | None) -> Edge | None:
        """What an edge is inside of a group: between two of its boxes, or to its border."""
        one, two = (self._inside(name, group) for name in edge)
        if one == two:
            return None
        return one or LEFT, two or RIGHT

    def _inside(self, name: str, group: str | None) -> str | None:
        """The child of a group that a task lies in, or is; None where it lies outside."""
        way = self._up(name)
        return way[way.index(group) - 1] if group in way[1:] else None

    def _size(self, group: str | None) -> None:
        """Lay out a group's children; their groups first."""
        children = self._children(group)
        for child in children:
            if child not in self.sizes:
                self._size(child)
                inner = self.levels[child]
                self.sizes[child] = (inner.width + 2 * PAD, inner.height + PAD + HEAD)
        hops = {hop for edge in self.graph.edges() if (hop := self._hop(edge, group))}
        self.levels[group] = lay_out({child: self.sizes[child] for child in children}, hops)

    def _put(self, group: str | None, x: float, y: float) -> None:
        self.layout.groups |= {} if group is None else {group: (x - PAD, y - HEAD, *self.sizes[group])}
        tasks = {task.id for task in self.graph.tasks}
        for child, (left, top) in self.levels[group].places.items():
            if child in tasks:
                self.layout.tasks[child] = (x + left, y + top, *self.sizes[child])
            else:
                self._put(child, x + left + PAD, y + top + HEAD)

    def _line(self, edge: Edge) -> list[Point]:
        first, last = (self.layout.tasks[name] for name in edge)
        points = [(first[0] + first[2], first[1] + first[3] / 2)]
        outwards = [group for group in self._up(edge[0])[1:] if group not in self._up(edge[1])]
        inwards = [group for group in self._up(edge[1])[1:] if group not in self._up(edge[0])]
        common = next(group for group in self._up(edge[0])[1:] if group in self._up(edge[1]))
        for group in [*outwards, common, *reversed(inwards)]:
            points += self._through(edge, group)
        points.append((last[0], last[1] + last[3] / 2))
        return points

    def _through(self, edge: Edge, group: str | None) -> list[Point]:
        hop = self._hop(edge, group)
        if hop is None:
            return []
        x, y, _, _ = self.layout.groups[group] if group else (-PAD, -HEAD, 0.0, 0.0)
        return [(x + PAD + px, y + HEAD + py) for px, py in self.levels[group].routes[hop]]
