"""Puts boxes into layers from left to right, so that edges go forward and cross little (after Sugiyama)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X = 56.0
GAP_Y = 22.0
SWEEPS = 8
# A line that passes a layer takes this much height there.
LANE = 6.0

Edge = tuple[str, str]
Point = tuple[float, float]
# The far ends of edges that leave or enter a group: on its right and left border.
RIGHT, LEFT = "\0right", "\0left"


@dataclass
class Layered:
    """Boxes with their places, all from the top left corner.

    Attributes:
        places: the top left corner of each box.
        routes: by edge, the points between its two boxes.
    """

    places: dict[str, Point] = field(default_factory=dict)
    routes: dict[Edge, list[Point]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def lay_out(sizes: Mapping[str, Point], edges: Iterable[Edge]) -> Layered:
    """The places of boxes.

    Args:
        sizes: width and height of each box.
        edges: between boxes, from a box to RIGHT, from LEFT to a box.
    """
    wanted = sorted(set(edges))
    inner = [(a, b) for a, b in wanted if a in sizes and b in sizes]
    depth = depths(list(sizes), inner)
    layers, chains = _with_lanes(depth, wanted)
    layers = order(layers, [link for chain in chains.values() for link in pairwise(chain)])
    return _placed(layers, chains, sizes)


def depths(nodes: Sequence[str], edges: Iterable[Edge]) -> dict[str, int]:
    """The longest way to each node; an edge that closes a circle does not count."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for a, b in edges:
        after[a].append(b)
    finished = _finished_last_first(nodes, after)
    place = {node: number for number, node in enumerate(finished)}
    depth = dict.fromkeys(nodes, 0)
    for node in finished:
        for other in after[node]:
            if place[other] > place[node]:
                depth[other] = max(depth[other], depth[node] + 1)
    return depth


def _finished_last_first(nodes: Sequence[str], after: Mapping[str, Sequence[str]]) -> list[str]:
    """A topological order as far as there is one."""
    seen: set[str] = set()
    found: list[str] = []
    for start in reversed(nodes):
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                found.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(other, False) for other in after[node] if other not in seen]
    return found[::-1]


def _with_lanes(
    depth: Mapping[str, int], edges: Iterable[Edge]
) -> tuple[list[list[str]], dict[Edge, list[str]]]:
    """The layers with a lane in each one that an edge passes; each edge's way through them."""
    last = max(depth.values(), default=0)
    layers: list[list[str]] = [[] for _ in range(last + 1)]
    for node, layer in depth.items():
        layers[layer].append(node)
    chains: dict[Edge, list[str]] = {}
    for a, b in edges:
        first, final = depth.get(a, -1), depth.get(b, last + 1)
        lanes = []
        for layer in range(min(first, final) + 1, max(first, final)):
            lane = f"\0{a}\0{b}\0{layer}"
            layers[layer].append(lane)
            lanes.append(lane)
        lanes = lanes if first <= final else lanes[::-1]
        chains[a, b] = [*([a] if a in depth else []), *lanes, *([b] if b in depth else [])]
    return layers, chains


def order(layers: list[list[str]], links: Sequence[Edge]) -> list[list[str]]:
    """The same layers, each sorted so that few links cross."""
    best, fewest = layers, crossings(layers, links)
    now = layers
    for sweep in range(SWEEPS):
        now = _swept(now, links, forward=sweep % 2 == 0)
        count = crossings(now, links)
        if count < fewest:
            best, fewest = now, count
    return best


def _swept(layers: list[list[str]], links: Sequence[Edge], forward: bool) -> list[list[str]]:
    around: dict[str, list[str]] = {}
    for a, b in links:
        one, two = (b, a) if forward else (a, b)
        around.setdefault(one, []).append(two)
    found: list[list[str]] = []
    place: dict[str, int] = {}
    for layer in layers if forward else reversed(layers):
        weights = {}
        for number, node in enumerate(layer):
            known = [place[other] for other in around.get(node, ()) if other in place]
            weights[node] = sum(known) / len(known) if known else number
        found.append(sorted(layer, key=weights.__getitem__))
        place |= {node: number for number, node in enumerate(found[-1])}
    return found if forward else found[::-1]


def crossings(layers: Sequence[Sequence[str]], links: Sequence[Edge]) -> int:
    """How many pairs of links between two neighbouring layers cross."""
    spot = {node: (layer, number) for layer, nodes in enumerate(layers) for number, node in enumerate(nodes)}
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        (one, y1), (two, y2) = sorted((spot[a], spot[b]))
        if two == one + 1:
            by_layer.setdefault(one, []).append((y1, y2))
    return sum(
        (a1 - b1) * (a2 - b2) < 0
        for pairs in by_layer.values()
        for number, (a1, a2) in enumerate(pairs)
        for b1, b2 in pairs[number + 1 :]
    )


def _placed(layers: list[list[str]], chains: Mapping[Edge, list[str]], sizes: Mapping[str, Point]) -> Layered:
    height = {node: sizes[node][1] if node in sizes else LANE for layer in layers for node in layer}
    middle = _middles(layers, chains, height)
    top = min((middle[node] - height[node] / 2 for node in middle), default=0.0)
    found = Layered()
    spans: dict[str, Point] = {}
    left = 0.0
    for layer in layers:
        wide = max((sizes[node][0] for node in layer if node in sizes), default=0.0)
        for node in layer:
            if node in sizes:
                indent = left + (wide - sizes[node][0]) / 2
                found.places[node] = (indent, middle[node] - height[node] / 2 - top)
            spans[node] = (left, left + wide)
        left += wide + GAP_X
    for edge, chain in chains.items():
        lanes = [node for node in chain if node not in sizes]
        points = [(x, middle[lane] - top) for lane in lanes for x in spans[lane]]
        found.routes[edge] = points
    found.width = left - GAP_X
    found.height = max((middle[node] + height[node] / 2 - top for node in middle), default=0.0)
    return found


def _middles(
    layers: list[list[str]], chains: Mapping[Edge, list[str]], height: Mapping[str, float]
) -> dict[str, float]:
    """The height of each node's middle: near those of its neighbours, in the order of its layer."""
    around: dict[str, list[str]] = {}
    for chain in chains.values():
        for a, b in pairwise(chain):
            around.setdefault(a, []).append(b)
            around.setdefault(b, []).append(a)
    middle: dict[str, float] = {}
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = []
            for number, node in enumerate(layer):
                known = [middle[other] for other in around.get(node, ()) if other in middle]
                start = middle.get(node, float(number))
                wanted.append(sum(known) / len(known) if known else start)
            middle |= dict(zip(layer, apart(wanted, [height[node] for node in layer]), strict=True))
    return middle


def apart(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The middles nearest to those wanted that keep the order and a gap (pool adjacent violators)."""
    offsets, total = [], 0.0
    for number, height in enumerate(heights):
        total += (heights[number - 1] + height) / 2 + GAP_Y if number else 0.0
        offsets.append(total)
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    level = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=True)]
