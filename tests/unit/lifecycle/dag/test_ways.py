"""What `dag.run` shows of each way to fail, in each mode: error, what comes next, last line, how soon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from gaiaflow.dags import run as dagrun
from gaiaflow.dags.api import AirflowApi, NotFoundError
from gaiaflow.errors import FINAL_NOTE, GaiaflowError
from gaiaflow.lifecycle.dag import follow as following
from gaiaflow.project import Project
from tests.failures import ways
from tests.failures.ways import LEVEL, MODES, SOON, Refused, Seen, Way

# Of a request to an Airflow that has little of a busy machine.
REQUEST_SECONDS = 0.25
RETRIES = 1
DELAY = 2.0


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Api(AirflowApi):
    """An Airflow with a run of one task whose first attempt ends at a moment; each answer takes its time."""

    def __init__(self, clock: Clock, way: Way, cell: Seen, ended: float) -> None:
        super().__init__("http://127.0.0.1:8080", "", "")
        self.clock, self.way, self.cell, self.ended = clock, way, cell, ended

    def task(self) -> tuple[str, int]:
        """The state of the task, and the number of its attempt."""
        if self.clock.now < self.ended:
            return "running", 1
        if not self.cell.again:
            return "failed", 1
        return ("up_for_retry", 1) if self.clock.now < self.ended + DELAY else ("failed", 2)

    def request(self, _method: str, path: str, _body: Any = None, **_: Any) -> Any:
        state, number = self.task()  # as it is when the request is sent
        self.clock.sleep(REQUEST_SECONDS)
        if path.endswith("/tasks"):
            delay = {"days": 0, "seconds": int(DELAY), "microseconds": 0}
            return {"tasks": [{"task_id": self.way.key, "downstream_task_ids": [], "retry_delay": delay}]}
        if "/logs/" in path:
            return {"content": [logged(self.cell)]}
        if path.endswith("/tries"):
            return {"task_instances": [{"try_number": 1, "state": "up_for_retry"}]}
        if path.endswith("/taskInstances"):
            instance = {"task_id": self.way.key, "map_index": -1, "state": state, "try_number": number}
            more = {"max_tries": RETRIES, "duration": 0.5, "end_date": None}
            return {"task_instances": [{**instance, **more}], "total_entries": 1}
        if path == "assets/events":
            return {"asset_events": []}
        times = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-01T00:00:12.500Z"}
        return {"state": "failed" if state == "failed" else "running", **times}


def logged(cell: Seen) -> dict[str, Any]:
    """The entry of the log by which Airflow tells an error, as tests/airflow/test_ways.py sees it."""
    kind, text = "TaskFailedError", cell.error
    if text.startswith("AirflowTaskTimeout: "):
        kind, _, text = text.partition(": ")
    note = "" if cell.again else f"\nhint: a command\n{FINAL_NOTE}"
    return {
        "event": "Task failed",
        "level": LEVEL,
        "error_detail": [{"exc_type": kind, "exc_value": text + note}],
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ways"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    return Project.find(tmp_path)


@pytest.fixture
def followed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[tuple[float, str]], Any]]:
    """Follows a run; what was said with the seconds since the attempt ended, and the last line."""

    def follow(way: Way, cell: Seen, after: float = 0.4) -> tuple[list[tuple[float, str]], Any]:
        clock = Clock()
        ended = clock.now + after
        said: list[tuple[float, str]] = []
        monkeypatch.setattr(dagrun, "time", clock)
        monkeypatch.setattr(following, "say_always", lambda text: said.append((clock.now - ended, text)))
        with pytest.raises(Exit) as end:
            following.follow(project, Api(clock, way, cell, ended), "ways", "manual__1", 600, json=False)
        return said, end.value

    return follow


CELLS = [pytest.param(*each, id=f"{mode}-{each[0].key}") for mode in MODES for each in ways.seen(mode)]


@pytest.mark.parametrize(("way", "cell"), CELLS)
def test_a_failure_is_shown_with_what_comes_next_and_a_verdict(followed: Any, way: Way, cell: Seen) -> None:
    said, end = followed(way, cell)
    lines = said[0][1].splitlines()
    assert lines[0] == f"{way.key} failed, attempt 1 of {1 + RETRIES}: {cell.error}"
    final = "  no other attempt: it would fail in the same way"
    assert (final in lines) is not cell.again
    assert any("the next attempt starts" in line for line in lines) is cell.again
    assert len(said) == (1 + RETRIES if cell.again else 1)
    assert said[0][0] <= SOON
    assert (end.message, end.code) == (f"error: DAG `ways` failed after 12.5 s: `{way.key}` failed", 1)


@pytest.mark.parametrize("tenths", range(25))
def test_a_failure_is_shown_soon_whenever_it_comes_between_two_looks(followed: Any, tenths: int) -> None:
    way, cell = next(ways.seen("dev"))
    said, _ = followed(way, cell, tenths / 10)
    assert 0 <= said[0][0] <= SOON


REFUSED = [way for way in ways.WAYS if isinstance(way.cell("dev"), Refused)]


class Reader(AirflowApi):
    """An Airflow that has read what there is."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("http://127.0.0.1:8080", "", "")
        self.errors = errors

    def dag(self, _: str) -> dict[str, Any]:
        if self.errors:
            raise NotFoundError("no DAG")
        now = "2999-01-01T00:00:00Z"
        return {"dag_id": "ways", "last_parsed_time": now, "relative_fileloc": "file.py"}

    def import_errors(self) -> dict[str, str]:
        return self.errors

    def params(self, _: str) -> dict[str, Any]:
        return {"year": {"value": 2026}}


TRACEBACKS = {
    "a_dag_file_with_an_error": '  File "/dags/file.py", line 5\n    create_task(\n               ^\n'
    "SyntaxError: '(' was never closed",
    "a_cycle": '  File "/dags/file.py", line 4, in <module>\n    with DAG("ways", schedule=None):\n'
    "airflow.sdk.exceptions.AirflowDagCycleException: Cycle detected in Dag: ways. Faulty task: a",
}


@pytest.mark.parametrize("way", [pytest.param(way, id=way.key) for way in REFUSED])
def test_what_cannot_start_is_refused(project: Project, way: Way) -> None:
    cell: Any = way.cell("prod_local")
    (project.dags / "file.py").write_text(way.file)
    text = TRACEBACKS.get(way.key)
    api = Reader({"file.py": text} if text else {})

    def run() -> None:
        dagrun.await_dag(api, project, "ways", patience=0)
        dagrun.trigger(api, project, "ways", way.conf)

    with pytest.raises(GaiaflowError) as caught:
        run()
    assert ways.fits(cell.error, caught.value.message.splitlines()[0]), caught.value.message
    assert caught.value.exit_code == cell.code
