"""What `dag.run` knows of a DAG before Airflow does: that it is not there, or that it may still come."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Any

import pytest

from gaiaflow.dags import reading, run as dagrun
from gaiaflow.dags.api import NotFoundError
from gaiaflow.errors import UsageError
from gaiaflow.project import Project
from gaiaflow.stack.services import mode as stackmode

DAG = "from airflow.sdk import DAG\n\nDAG('{}')\n"
NOW = time.time()


class Api:
    """An Airflow that has read some files at some moments, and knows no DAG by its name."""

    def __init__(self, **read: float) -> None:
        self.read = read
        self.asked = 0

    def dags(self) -> list[dict[str, Any]]:
        return [
            {
                "dag_id": name,
                "relative_fileloc": f"{name}.py",
                "last_parsed_time": datetime.fromtimestamp(at, timezone.utc).isoformat(),
            }
            for name, at in self.read.items()
        ]

    def dag_ids(self) -> list[str]:
        return list(self.read)

    def dag(self, _name: str) -> dict[str, Any]:
        self.asked += 1
        raise NotFoundError("no such DAG")

    def import_errors(self) -> dict[str, str]:
        return {}


@pytest.fixture
def dags(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one file, changed a minute ago; Airflow began before."""
    project.dags.mkdir()
    write(project, "flow", NOW - 60)
    monkeypatch.setattr(stackmode, "kept_began", lambda _: NOW - 100)
    return project


def write(project: Project, name: str, at: float, text: str = DAG) -> None:
    file = project.dags / (name if "." in name else f"{name}.py")
    file.write_text(text.format(name))
    os.utime(file, (at, at))


def may_come(project: Project, **read: float) -> bool:
    return reading.may_come(Api(**read), project)  # type: ignore[arg-type]


def test_a_file_read_since_it_was_changed_brings_nothing_more(dags: Project) -> None:
    assert not may_come(dags, flow=NOW - 30)


def test_a_file_changed_since_it_was_read_may_bring_more(dags: Project) -> None:
    assert may_come(dags, flow=NOW - 90)


def test_a_file_that_was_not_read_may_bring_more(dags: Project) -> None:
    write(dags, "new", NOW - 50)
    assert may_come(dags, flow=NOW - 30)
    assert not may_come(dags, flow=NOW - 30, new=NOW - 20)


def test_a_file_read_before_airflow_began_may_bring_more(
    dags: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stackmode, "kept_began", lambda _: NOW - 10)
    assert may_come(dags, flow=NOW - 30)


def test_a_changed_yaml_may_bring_more(dags: Project) -> None:
    write(dags, "more.yml", NOW - 20, "flow: {{}}\n")
    assert may_come(dags, flow=NOW - 30)
    assert not may_come(dags, flow=NOW - 10)


def test_a_file_that_airflow_passes_over_brings_nothing(dags: Project) -> None:
    write(dags, "plain", NOW - 5, "import json\n")
    assert not may_come(dags, flow=NOW - 30)


def test_an_unknown_dag_is_refused_before_airflow_is_asked(dags: Project) -> None:
    reading.refuse_undeclared(dags, "flow")
    with pytest.raises(UsageError) as refused:
        reading.refuse_undeclared(dags, "flwo")
    assert refused.value.message == f"no file in {dags.dags} defines a DAG `flwo` (did you mean `flow`?)"
    assert refused.value.hint == "there is flow"


def test_one_that_the_files_do_not_rule_out_is_left_to_airflow(dags: Project) -> None:
    write(dags, "tiles", NOW - 60, "from airflow.sdk import DAG\n\nDAG(f'tile_{{1}}')\n")
    reading.refuse_undeclared(dags, "tile_1")


def test_airflow_is_not_waited_for_when_it_has_read_everything(dags: Project) -> None:
    api, begun = Api(flow=NOW - 30), time.monotonic()
    with pytest.raises(UsageError, match="Airflow has no DAG `tile_2`"):
        dagrun.await_dag(api, dags, "tile_2")  # type: ignore[arg-type]
    assert time.monotonic() - begun < 1
    assert api.asked == 1


def test_a_wait_is_told_once(dags: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagrun, "POLL", 0.01)
    told: list[str] = []
    with pytest.raises(UsageError, match="Airflow has no DAG `new`"):
        dagrun.await_dag(Api(flow=NOW - 90), dags, "new", 0.2, told.append)  # type: ignore[arg-type]
    assert told == ["waiting until Airflow has read the file of DAG `new`"]
