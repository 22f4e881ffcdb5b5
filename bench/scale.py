"""What more tasks and more DAG files cost: the slope, so that nothing grows faster than what is asked for."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

from measure import Curve, Figure, child
from parse import FREEZE, HEAD, OURS, RAW

TASKS = (1, 10, 100, 1000)
FILES = (1, 10, 100)
PER_FILE = 10
ROUNDS = 3
KINDS = {"create_task": OURS, "raw": RAW["dev"]}
# A straight line has 1; this much is the machine's noise.
STRAIGHT = 1.3
CONSTRUCT = """
begun = time.perf_counter()
{body}
print(json.dumps({{"seconds": time.perf_counter() - begun}}))
"""
READ = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
DagBag({warm!r})
begun = time.perf_counter()
bag = DagBag({folder!r})
seconds = time.perf_counter() - begun
assert not bag.import_errors, bag.import_errors
assert len(bag.dags) == {count}, len(bag.dags)
print(json.dumps({{"seconds": seconds}}))
"""


def tasks(body: str, count: int) -> float:
    """Seconds to make so many tasks of one DAG; imports are done before the clock starts."""
    warm = body.replace("COUNT", "1").replace("with dag:", "with DAG('warm', schedule=None):")
    code = f"COUNT = {count}\n{HEAD}{warm}{FREEZE}{CONSTRUCT.format(body=body)}"
    return child(code, GAIAFLOW_MODE="dev")["seconds"]


def files(body: str, count: int) -> float:
    """Seconds in which Airflow reads a folder of so many files, ten tasks each."""
    with tempfile.TemporaryDirectory() as name:
        warm, folder = Path(name) / "warm", Path(name) / "dags"
        write(warm, body, 1, "warm")
        write(folder, body, count, "dag")
        code = READ.format(warm=str(warm), folder=str(folder), count=count)
        home = {"AIRFLOW_HOME": name, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        return child(code, GAIAFLOW_MODE="dev", **home)["seconds"]


def write(folder: Path, body: str, count: int, stem: str) -> None:
    folder.mkdir()
    for number in range(count):
        head = HEAD.replace('DAG("bench"', f'DAG("{stem}_{number}"')
        (folder / f"{stem}_{number}.py").write_text(textwrap.dedent(f"COUNT = {PER_FILE}\n{head}{body}"))


def curve(name: str, counts: tuple[int, ...], take: Callable[[int], float]) -> Curve:
    """The best of a few for each count."""
    return Curve(name, list(counts), [min(take(count) for _ in range(ROUNDS)) for count in counts])


def straight(taken: Curve) -> Figure:
    """Seconds a piece at the top end against those before it."""
    (a, b, c), (x, y, z) = taken.counts[-3:], taken.seconds[-3:]
    upper, lower = (z - y) / (c - b), (y - x) / (b - a)
    detail = f"{upper * 1e6:.0f} us each from {b} to {c} against {lower * 1e6:.0f} us from {a} to {b}"
    return Figure(f"{taken.name}, slope", upper / lower, STRAIGHT, detail)


def slope(taken: Curve) -> float:
    """Seconds for one more."""
    return (taken.seconds[-1] - taken.seconds[0]) / (taken.counts[-1] - taken.counts[0])


def beside(name: str, ours: Curve, raw: Curve, goal: float) -> Figure:
    """One more of ours against one more of theirs."""
    mine, theirs = slope(ours), slope(raw)
    return Figure(name, mine / theirs, goal, f"{mine * 1e6:.0f} us against {theirs * 1e6:.0f} us")


def figures() -> list[Figure]:
    """The slopes, and both kinds of files side by side."""
    made = [curve(f"tasks of one DAG, {kind}", TASKS, partial(tasks, body)) for kind, body in KINDS.items()]
    read = [curve(f"DAG files, {kind}", FILES, partial(files, body)) for kind, body in KINDS.items()]
    figures.curves = [*made, *read]  # type: ignore[attr-defined]
    return [
        *(straight(one) for one in made),
        beside("one more task against a raw one", made[0], made[1], 1.5),
        beside(f"one more DAG file of {PER_FILE} tasks against a raw one", read[0], read[1], 1.5),
    ]
