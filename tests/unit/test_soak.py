"""The arithmetic of the soak: what grows, whose a process is, and the page of what it saw."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "soak"), str(ROOT / "docs" / "hooks")]

import growth  # noqa: E402
import soak  # noqa: E402
import usage  # noqa: E402
import work  # noqa: E402

LISTED = """\
Pss:                2048 kB
lr-x------ 1 root root 64 Nov 28 12:00 0 -> /dev/null
lrwx------ 1 root root 64 Nov 28 12:00 3 -> socket:[4711]
Pss:                1024 kB
l-wx------ 1 root root 64 Nov 28 12:00 1 -> pipe:[12]
"""
LOCKS = """\
1: POSIX  ADVISORY  READ 4933 fe:00:17 128 128
2: -> POSIX  ADVISORY  WRITE 4934 fe:00:17 0 EOF
3: POSIX  ADVISORY  READ 4933 fe:00:18 128 128
"""


def steady(minutes: int = 60, leak: float = 0.0, drop: int = 20) -> list[growth.Point]:
    """A program of 100 MiB that takes 10 more in the life that a restart ends, and leaks."""
    return [(float(m), 100 + 10 * (m % drop) / drop + leak * m) for m in range(minutes)]


def test_the_slope_of_a_line_is_its_own() -> None:
    assert growth.slope([(0, 1), (1, 3), (2, 5)]) == 2


def test_one_wild_sample_does_not_move_the_slope() -> None:
    line = [(float(x), 5.0) for x in range(20)]
    assert growth.slope([*line, (20.0, 900.0)]) == 0


def test_a_slope_takes_two_moments() -> None:
    with pytest.raises(ValueError, match="two points"):
        growth.slope([(1, 2), (1, 3)])


def test_restarts_are_no_growth() -> None:
    found = growth.growth("mlflow", "memory", steady())
    assert found.ratio is not None
    assert abs(found.ratio) < growth.LIMIT / 2
    assert not found.grows


def test_a_leak_grows_in_spite_of_the_restarts() -> None:
    found = growth.growth("mlflow", "memory", steady(leak=1.0))
    assert found.grows
    assert found.last > found.first


def test_less_than_the_limit_is_no_growth_and_shrinking_neither() -> None:
    assert not growth.growth("s3", "memory", steady(leak=0.2)).grows
    assert not growth.growth("s3", "memory", steady(leak=-1.0)).grows


def test_a_handful_more_than_none_is_no_growth() -> None:
    few = [(float(m), float(m > 30)) for m in range(60)]
    many = [(float(m), float(m)) for m in range(60)]
    assert not growth.growth("", "locks", few).grows
    assert growth.growth("", "locks", many).grows


def test_a_few_samples_say_nothing() -> None:
    found = growth.growth("s3", "memory", steady(5, leak=50))
    assert found.ratio is None
    assert not found.grows


def sample(minute: float, memory: float, **more: float) -> dict[str, Any]:
    values = {"memory": memory, "files": 20, "sockets": 4, "processes": 2}
    return {"minute": minute, "programs": {"mlflow": values}, "stack": {"locks": 3, **more}}


def test_a_program_that_was_away_has_no_point_there() -> None:
    away = {"minute": 1, "programs": {}, "stack": {}}
    found = growth.series([sample(0, 5), away, sample(2, 7)])
    assert found["mlflow", "memory"] == [(0, 5), (2, 7)]
    assert found["", "locks"] == [(0, 3), (2, 3)]


def test_what_is_left_behind_is_a_leak_for_a_moment_too() -> None:
    left = {**sample(1, 5)["programs"], growth.LEFT_BEHIND: {"processes": 4}}
    found = growth.judged([sample(0, 5), {**sample(1, 5), "programs": left}, sample(2, 5)])
    assert [one.program for one in found if one.grows] == [growth.LEFT_BEHIND]


def test_the_store_may_fill_its_buffers_and_no_more() -> None:
    slow, fast = ([(float(m), 130 + rate * m) for m in range(60)] for rate in (1.5, 8))
    assert not growth.growth("s3", "memory", slow).grows
    assert growth.growth("s3", "memory", fast).grows
    assert growth.growth("mlflow", "memory", slow).grows


def test_a_sample_adds_up_its_processes() -> None:
    assert usage.parsed(LISTED) == {"memory": 3.0, "files": 3, "sockets": 1, "processes": 2}
    assert usage.parsed("")["processes"] == 0


def test_a_process_belongs_to_its_nearest_program() -> None:
    parents = {30: 20, 20: 10, 10: 1, 50: 1}
    heads = {10: "supervisord", 20: "mlflow"}
    assert [usage.owner(pid, heads, parents) for pid in (30, 20, 10, 50)] == [
        "mlflow",
        "mlflow",
        "supervisord",
        "left behind",
    ]


def test_locks_are_counted_by_file_waiting_ones_too() -> None:
    assert usage.held(LOCKS, {17}) == 2
    assert usage.held(LOCKS, {99}) == 0


def test_an_error_is_one_line() -> None:
    command = (
        "AssertionError: ('dev.start',): 2\n[1/4] ports failed\nerror: port 1 of `s3` is taken\nhint: wait\n"
    )
    assert growth.said(command) == "error: port 1 of `s3` is taken"
    assert growth.said("AssertionError: Traceback\n  File\nOSError: gone\n") == "OSError: gone"
    assert growth.said("") == ""


def test_each_five_minutes_have_one_of_each() -> None:
    for first in (0, 5, 35):
        done = [work.planned(minute) for minute in range(first, first + work.PERIOD)]
        assert sorted(filter(None, done)) == ["edit", "kill", "restart"]


class Stack:
    """Two programs, of which one is killed."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def targets(self) -> dict[str, str]:
        return {"mlflow": "17", "s3": "18"}

    def kill(self, name: str) -> None:
        self.killed.append(name)


class Small:
    """A project whose commands are only written down."""

    def __init__(self, root: Path) -> None:
        self.root, self.called = root, []

    def inv(self, *argv: str) -> str:
        self.called.append(argv)
        return ""


@pytest.fixture
def project(tmp_path: Path) -> work.Work:
    for folder in ("faulty", "dags"):
        (tmp_path / folder).mkdir()
    return work.Work(Small(tmp_path), Stack())


def test_every_minute_ends_with_a_run_and_objects(project: work.Work) -> None:
    assert [name for name, _ in project.do(0)] == ["run", "objects"]
    assert [name for name, _ in project.do(2)] == ["restart airflow", "run", "objects"]
    assert [name for name, _ in project.do(7)] == ["restart mlflow", "run", "objects"]


def test_programs_are_killed_by_turns_and_started_again(project: work.Work) -> None:
    for minute in (4, 9, 14):
        project.do(minute)[0][1]()
    assert project.usage.killed == ["mlflow", "s3", "mlflow"]
    assert project.small.called == [("dev.start", "--wait", "300")] * 3


def test_an_edit_changes_what_both_tasks_return(project: work.Work) -> None:
    assert project.expected() == {"one": 2, "two": 42}
    project.edit(6)
    assert project.expected() == {"one": 7, "two": 53}
    assert "two=6" in (project.small.root / "faulty" / "work.py").read_text()
    assert '{"two": 46}' in (project.small.root / "dags" / "kept.py").read_text()


def run_of(*memory: float, error: str = "") -> dict[str, Any]:
    samples = [sample(float(n), value) for n, value in enumerate(memory)]
    steps = [{"minute": 0, "step": "run", "seconds": 1, "error": error}]
    return {"taken": "today", "machine": "Linux", "minutes": 60, "samples": samples, "steps": steps}


def test_the_page_marks_what_grows_and_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"embedded": run_of(*range(100, 160, 4), error="AssertionError: it\nbroke")}
    monkeypatch.setattr(soak, "kept", lambda: kept)
    page = soak.soak()
    assert "**112 → 144 (+50 %)**" not in page
    assert "| `mlflow` | **" in page
    assert "**1 of 1 steps failed**:" in page
    assert "- minute 0, run: `AssertionError: it broke`" in page
    assert "- locks on the databases: 3 → 3 (+0 %)" in page


def test_the_page_of_a_good_run_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "kept", lambda: {"docker": run_of(*[100.0] * 12)})
    page = soak.soak()
    assert "Every step succeeded." in page
    assert "| `mlflow` | 100 → 100 (+0 %) |" in page


def test_the_curves_are_those_of_the_kept_samples() -> None:
    images = {file.stem.removeprefix("soak-"): file.read_text() for file in soak.IMAGES.glob("soak-*.svg")}
    assert images == {name: soak.drawn(name, run) for name, run in soak.kept().items()}, (
        "python docs/hooks/soak.py"
    )


def test_a_curve_has_each_program_and_each_restart() -> None:
    run = run_of(*[100.0] * 12)
    run["steps"] += [{"minute": 2, "step": step, "error": ""} for step in ("restart s3", "kill mlflow")]
    drawn = soak.drawn("docker", run)
    assert drawn.count("<polyline") == 1
    assert drawn.count("stroke-dasharray") == 2
