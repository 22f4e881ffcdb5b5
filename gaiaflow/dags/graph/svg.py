"""Draws a DAG as an SVG: readable without colours, on light and on dark ground, and by a screen reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from gaiaflow.dags.graph.layers import Point
from gaiaflow.dags.graph.layout import Layout, place
from gaiaflow.dags.graph.model import Graph, Group, Task

SPACE = "http://www.w3.org/2000/svg"
MARGIN, TITLE = 28.0, 62.0
LINE, TOP, SIDE = 18.0, 23.0, 22.0
# Width of a letter of the two font sizes; the font has fixed widths.
LETTER, SMALL = 8.5, 7.0
LONGEST = 46
SHIFT = 5.0
SIGNS = {
    "success": "✓",
    "failed": "✗",
    "upstream_failed": "✗",
    "running": "▶",
    "skipped": "-",
    "up_for_retry": "↻",
}
STYLE = """
svg { --ground: #ffffff; --ink: #1c2430; --dim: #5a6675; --line: #8a95a3; --box: #f6f8fa; --edge: #c3cbd5;
  --group: #eef2f7; --good: #1a7f37; --bad: #c62333; --busy: #0b63c5; --none: #8a95a3;
  --dev: #0b63c5; --dev_docker: #00707c; --prod_local: #7a3fc0; --prod: #b04a00; --other: #5a6675; }
@media (prefers-color-scheme: dark) {
svg { --ground: #12171e; --ink: #e8edf3; --dim: #a3afbd; --line: #7d8896; --box: #1c232c; --edge: #3d4754;
  --group: #171d25; --good: #4cc26a; --bad: #ff7a85; --busy: #6cb0ff; --none: #7d8896;
  --dev: #6cb0ff; --dev_docker: #4cc9d6; --prod_local: #c39bff; --prod: #ffab66; --other: #a3afbd; } }
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
text.head { font-size: 18px; font-weight: 600; }
text.small { font-size: 11.5px; fill: var(--dim); }
text.name { font-weight: 600; }
rect.ground { fill: var(--ground); }
rect.task { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
rect.group { fill: var(--group); stroke: var(--edge); stroke-dasharray: 5 4; }
path.edge { fill: none; stroke: var(--line); stroke-width: 1.5; }
path.tip { fill: var(--line); }
.success { fill: var(--good); } .failed, .upstream_failed { fill: var(--bad); }
.running, .queued, .up_for_retry { fill: var(--busy); } .none, .skipped { fill: var(--none); }
.dev { fill: var(--dev); } .dev_docker { fill: var(--dev_docker); }
.prod_local { fill: var(--prod_local); } .prod { fill: var(--prod); }
.other { fill: var(--other); }
"""


def draw(graph: Graph) -> str:
    """The whole document."""
    layout = place(graph, {task.id: _size(task) for task in graph.tasks})
    head = _head(graph)
    wide = max(layout.width, len(graph.dag) * 11.0, len(head) * SMALL) + 2 * MARGIN
    high = layout.height + TITLE + 2 * MARGIN
    root = ET.Element("svg", _attributes(wide, high))
    _add(root, "title", text=f"DAG {graph.dag}").set("id", "title")
    _add(root, "desc", text=describe(graph)).set("id", "desc")
    _add(root, "style", text=STYLE)
    _add(root, "rect", "ground", width=wide, height=high)
    _add(root, "text", "head", graph.dag, x=MARGIN, y=MARGIN + 14)
    _add(root, "text", "small", head, x=MARGIN, y=MARGIN + 34)
    body = _add(root, "g", transform=f"translate({MARGIN:.1f} {MARGIN + TITLE:.1f})")
    for group in graph.groups:
        if group.id in layout.groups:  # one without tasks has no box
            _group(body, group, layout)
    for (one, two), points in layout.lines.items():
        _edge(body, f"{one} before {two}", points)
    for task in graph.tasks:
        _task(body, task, layout)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def describe(graph: Graph) -> str:
    """The DAG in words: each task with its mode, its state and what comes after it."""
    said = []
    for task in graph.tasks:
        after = f", before {', '.join(task.downstream)}" if task.downstream else ""
        said.append(f"{task.id}{task.times}: {_facts(task)}{after}")
    return f"{_head(graph)}. {'; '.join(said)}."


def _head(graph: Graph) -> str:
    count = f"{len(graph.tasks)} task{'' if len(graph.tasks) == 1 else 's'}"
    return f"{count}, run {graph.run}: {graph.state}" if graph.run else f"{count}, no run"


def _facts(task: Task) -> str:
    seconds = f"{task.seconds:.1f} s" if task.seconds else ""
    return " · ".join(filter(None, [task.where, task.state, seconds]))


def _rows(task: Task) -> list[str]:
    """What is below the name of a task."""
    return [_facts(task), *([_short(task.function)] if task.function else [])]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else "…" + text[1 - LONGEST :]


def _name(task: Task) -> str:
    return _short(task.label) + (f" {task.times}" if task.mapped else "")


def _size(task: Task) -> Point:
    rows = _rows(task)
    # The sign of the state is in front of the name, a dot before the facts.
    widest = max((len(_name(task)) + 2) * LETTER, *((len(row) + 2) * SMALL for row in rows))
    return widest + 2 * SIDE - 10, TOP + LINE * len(rows) + 13


def _attributes(wide: float, high: float) -> dict[str, str]:
    return {
        "xmlns": SPACE,
        "width": f"{wide:.0f}",
        "height": f"{high:.0f}",
        "viewBox": f"0 0 {wide:.0f} {high:.0f}",
        "role": "img",
        "aria-labelledby": "title desc",
    }


def _add(parent: ET.Element, tag: str, kind: str = "", text: str = "", **numbers: float | str) -> ET.Element:
    places = {k: f"{v:.1f}" if isinstance(v, float) else str(v) for k, v in numbers.items()}
    found = ET.SubElement(parent, tag, {**({"class": kind} if kind else {}), **places})
    found.text = text or None
    return found


def _group(body: ET.Element, group: Group, layout: Layout) -> None:
    x, y, wide, high = layout.groups[group.id]
    label = group.label + (" []" if group.mapped else "")
    part = _add(body, "g")
    _add(part, "title", text=f"task group {group.id}")
    _add(part, "rect", "group", x=x, y=y, width=wide, height=high, rx=10)
    _add(part, "text", "small", label, x=x + 14, y=y + 19)


def _edge(body: ET.Element, text: str, points: Sequence[Point]) -> None:
    part = _add(body, "g")
    _add(part, "title", text=text)
    _add(part, "path", "edge", d=" ".join(_curve(points)))
    x, y = points[-1]
    _add(part, "path", "tip", d=f"M{x:.1f} {y:.1f}l-8 -4.5v9z")


def _curve(points: Sequence[Point]) -> Iterator[str]:
    """From point to point, leaving and arriving level."""
    (x, y), *rest = points
    yield f"M{x:.1f} {y:.1f}"
    for number, (next_x, next_y) in enumerate(rest):
        end = next_x - (6 if number == len(rest) - 1 else 0)  # the tip covers the rest
        half = (x + end) / 2
        yield f"C{half:.1f} {y:.1f} {half:.1f} {next_y:.1f} {end:.1f} {next_y:.1f}"
        x, y = next_x, next_y


def _task(body: ET.Element, task: Task, layout: Layout) -> None:
    x, y, wide, high = layout.tasks[task.id]
    part = _add(body, "g")
    _add(part, "title", text=f"{task.id}{task.times}: {_facts(task)}")
    if task.mapped:
        for shift in (2 * SHIFT, SHIFT):
            _add(part, "rect", "task", x=x + shift, y=y - shift, width=wide - shift, height=high, rx=8)
    _add(part, "rect", "task", x=x, y=y, width=wide, height=high, rx=8)
    state = task.state or "none"
    _add(part, "rect", state, x=x, y=y + 8, width=4.0, height=high - 16)
    _add(part, "text", state, SIGNS.get(state, "○"), x=x + 14, y=y + TOP)
    _add(part, "text", "name", _name(task), x=x + 14 + 2 * LETTER, y=y + TOP)
    facts, *functions = _rows(task)
    _add(part, "circle", task.mode or "other", cx=x + 18, cy=y + TOP + LINE - 4, r=4)
    _add(part, "text", "small", facts, x=x + 14 + 2 * LETTER, y=y + TOP + LINE)
    for function in functions:
        _add(part, "text", "small", function, x=x + 14 + 2 * LETTER, y=y + TOP + 2 * LINE)
