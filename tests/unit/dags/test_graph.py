"""`inv dag.graph`: layers, groups, the SVG and the lines of the terminal."""

from __future__ import annotations

from itertools import combinations
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gaiaflow.dags.graph.layers import apart, crossings, depths, order
from gaiaflow.dags.graph.layout import place
from gaiaflow.dags.graph.model import Graph, graph_of
from gaiaflow.dags.graph.svg import SPACE, draw
from gaiaflow.dags.graph.terminal import in_order, lines


def task(
    name: str, *downstream: str, group: str | None = None, mode: str | None = "dev", **more: Any
) -> dict[str, Any]:
    known = {"task": name, "group": group, "mode": mode, "operator": "DevOperator", "function": "pk.f:one"}
    return {**known, "mapped": False, "downstream": sorted(downstream), **more}


def group(name: str, parent: str | None = None) -> dict[str, Any]:
    return {"group": name, "label": name.rpartition(".")[2], "parent": parent, "mapped": False}


PIPELINE = {
    "dag": "a <b> & c",
    "tasks": [
        task("load", "work.one", "end"),
        task("tiles", "work.one"),
        task("work.one", "work.inner.total", group="work", mapped=True),
        task("work.inner.total", "end", group="work.inner", mode="prod"),
        task("end", mode=None, operator="EmptyOperator", function=None),
    ],
    "groups": [group("work"), group("work.inner", "work")],
}
RUN = {"dag_run_id": "manual__1", "state": "failed"}
STATES = {
    "load": {"state": "success", "seconds": 1.25, "parts": 0},
    "work.one": {"state": "failed", "seconds": 3.0, "parts": 3},
}


@pytest.fixture
def pipeline() -> Graph:
    return graph_of(PIPELINE, RUN, STATES)


def test_depths_are_the_longest_ways() -> None:
    assert depths(list("abcd"), [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]) == {
        "a": 0,
        "b": 1,
        "c": 2,
        "d": 3,
    }


def test_a_circle_of_groups_still_has_depths() -> None:
    found = depths(list("abc"), [("a", "b"), ("b", "a"), ("b", "c")])
    assert sorted(found) == ["a", "b", "c"]
    assert found["c"] > found["b"]


def test_crossings_are_taken_out() -> None:
    layers, links = [["a", "b"], ["x", "y"]], [("a", "y"), ("b", "x")]
    assert crossings(layers, links) == 1
    assert crossings(order(layers, links), links) == 0


def test_boxes_keep_their_order_and_their_distance() -> None:
    found = apart([5.0, 5.0, 100.0], [20.0, 20.0, 20.0])
    assert found[0] < found[1] < found[2] == 100.0
    assert found[1] - found[0] == pytest.approx(42.0)
    assert (found[0] + found[1]) / 2 == pytest.approx(5.0)


def _inside(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    (x, y, w, h), (a, b, c, d) = inner, outer
    return a <= x and b <= y and x + w <= a + c and y + h <= b + d


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    (x, y, w, h), (a, b, c, d) = one, other
    return x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_groups_hold_their_tasks_and_nothing_else(pipeline: Graph) -> None:
    layout = place(pipeline, {t.id: (100.0, 50.0) for t in pipeline.tasks})
    assert all(_apart(a, b) for a, b in combinations(layout.tasks.values(), 2))
    for name, box in layout.groups.items():
        for one, spot in layout.tasks.items():
            assert _inside(spot, box) if one.startswith(f"{name}.") else _apart(spot, box)
    assert _inside(layout.groups["work.inner"], layout.groups["work"])


def test_edges_start_right_and_end_left_and_pass_no_box(pipeline: Graph) -> None:
    layout = place(pipeline, {t.id: (100.0, 50.0) for t in pipeline.tasks})
    assert set(layout.lines) == set(pipeline.edges())
    for (one, two), points in layout.lines.items():
        assert points[0][0] == layout.tasks[one][0] + 100
        assert points[-1][0] == layout.tasks[two][0]
        assert [x for x, _ in points] == sorted(x for x, _ in points)
    long = layout.lines["load", "end"]
    x, y, wide, high = layout.groups["work"]
    assert not any(x < px < x + wide and y < py < y + high for px, py in long)


def test_the_picture_is_valid_and_says_in_words_what_it_shows(pipeline: Graph) -> None:
    root = ET.fromstring(draw(pipeline))
    assert root.tag == f"{{{SPACE}}}svg"
    assert root.get("role") == "img"
    named = {element.get("id"): element.text for element in root if element.get("id")}
    assert root.get("aria-labelledby") == "title desc"
    assert named["title"] == "DAG a <b> & c"
    assert "work.one[3]: dev · failed · 3.0 s, before work.inner.total" in str(named["desc"])
    assert "work.inner.total: prod" in str(named["desc"])
    texts = {element.text for element in root.iter(f"{{{SPACE}}}text")}
    assert {"a <b> & c", "one [3]", "total", "work", "inner", "dev · success · 1.2 s", "EmptyOperator"} <= texts
    style = root.find(f"{{{SPACE}}}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in str(style.text)


def test_no_colour_goes_undefined(pipeline: Graph) -> None:
    text = draw(pipeline)
    for name in ("ground", "ink", "good", "bad", "dev", "dev_docker", "prod_local", "prod"):
        assert text.count(f"--{name}: #") == 2  # light and dark


def test_an_empty_dag_and_an_empty_group_are_drawn() -> None:
    empty = graph_of({"dag": "none", "tasks": [], "groups": [group("void")]}, None, {})
    assert "0 tasks, no run" in draw(empty)
    assert list(lines(empty)) == []


def _drawn(graph: Graph) -> list[str]:
    return [f"{line.rails} {line.task.id if line.task else line.group or ''}".rstrip() for line in lines(graph)]


def test_lines_of_the_terminal(pipeline: Graph) -> None:
    assert _drawn(pipeline) == [
        "● load",
        "├─╮",
        "│ │ ○ tiles",
        "│ ├─╯",
        "│ │ work",
        "│ ✗ work.one",
        "│ │ inner",
        "│ ○ work.inner.total",
        "├─╯",
        "○ end",
    ]


def test_the_tasks_of_a_group_stay_together() -> None:
    tasks = [task("a", "g.x", "b"), task("b"), task("g.x", "g.y", group="g"), task("g.y", group="g")]
    names = [t.id for t in in_order(graph_of({"dag": "d", "tasks": tasks, "groups": [group("g")]}, None, {}))]
    assert names.index("g.y") == names.index("g.x") + 1


def test_every_edge_reaches_its_task() -> None:
    fan = [task("a", "b", "c", "d"), task("b", "e"), task("c", "e"), task("d", "e"), task("e")]
    drawn = _drawn(graph_of({"dag": "d", "tasks": fan, "groups": []}, None, {}))
    assert drawn == ["○ a", "├─┬─╮", "○ │ │ b", "│ ○ │ c", "├─╯ │", "│   ○ d", "├───╯", "○ e"]
