"""The whole texts of errors of runs in one process, of what is rendered, and of DAGs from YAML."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from gaiaflow.dagfactory import load_yaml_dags
from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project
from gaiaflow.result import RunResult, TaskResult
from gaiaflow.tasks import create_task
from gaiaflow.testing import minors, place, run_dag
from gaiaflow.testing.render import check_rendered

FLOW = """
from airflow.sdk import DAG, Param
from gaiaflow.tasks import create_task

with DAG("flow", schedule=None, params={"scale": Param(2, type="integer")}):
    create_task("one", "pk.f:one")
"""
Make = Callable[..., Path]


def told(caught: pytest.ExceptionInfo[GaiaflowError]) -> list[str]:
    return [caught.value.message, caught.value.hint]


def test_no_dag_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagfactory", None)
    with pytest.raises(GaiaflowError) as caught:
        load_yaml_dags({}, ".")
    assert told(caught) == ["dag-factory is not in this environment", "pip install dag-factory"]


def test_a_yaml_file_that_makes_no_dag(tmp_path: Path) -> None:
    (tmp_path / "flow.yml").write_text("flow:\n  tasks:\n    - {task_id: a, operator: nowhere.Tusk}\n")
    with pytest.raises(GaiaflowError) as caught:
        load_yaml_dags({}, tmp_path)
    assert told(caught) == [
        "`flow.yml` defines no valid DAG: No module named 'nowhere'",
        "see the keys of dag-factory",
    ]


def test_a_task_that_makes_no_pod() -> None:
    with DAG("flow", schedule=None) as dag:
        create_task("t", "parity.functions:echo")
    ran = RunResult("flow", "success", {"t": TaskResult("success", None, 0)}, {})
    found = check_rendered(dag, ran, dag)
    assert found == {"t": ["task `t` is a DevOperator, which creates no pod"]}


def test_another_home_of_airflow(project: Make, tmp_path: Path) -> None:
    found = Project.find(project(FLOW))
    with pytest.raises(GaiaflowError) as caught:
        place.enter(found, tmp_path / "home")
    assert told(caught) == [
        "Airflow was already imported with another home, so this process cannot use the test home",
        "import airflow inside tests and fixtures, not at the top of the file",
    ]


@pytest.mark.parametrize(
    ("text", "conf", "message", "hint"),
    [
        (
            FLOW,
            {"scale": "five"},
            "`scale` of `--conf` does not fit DAG `flow`: 'five' is not of type 'integer'",
            "",
        ),
        (
            FLOW.replace("pk.f:one", "pk.f.one"),
            {},
            "no DAG `flow`, and `file.py` does not import: task `one` of DAG `flow`: func_path `pk.f.one` "
            "is not `package.module:function` (did you mean `pk.f:one`?)\n  dags/file.py:6\n"
            '    create_task("one", "pk.f.one")\n    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n'
            '  hint: "my_package.train:train"',
            "fix the file and repeat",
        ),
        (
            FLOW,
            {"scael": 3},
            "DAG `flow` has no param `scael` (did you mean `scale`?)",
            "it has scale",
        ),
        (
            FLOW.replace(', params={"scale": Param(2, type="integer")}', ""),
            {"scale": 3},
            "DAG `flow` has no param `scale`",
            'it has none; declare it: DAG(..., params={"name": 1})',
        ),
        (
            FLOW.replace('Param(2, type="integer")', 'Param(type="integer")'),
            {},
            "DAG `flow` does not start: ParamValidationError: Invalid input for param scale: No value passed",
            "",
        ),
    ],
)
def test_a_dag_that_does_not_run(
    project: Make, airflow_home: Path, text: str, conf: dict[str, Any], message: str, hint: str
) -> None:
    found = Project.find(project(text, "def one(): ...\n"))
    assert os.environ["AIRFLOW_HOME"] == str(airflow_home)
    with pytest.raises(GaiaflowError) as caught:
        run_dag("flow", "dev", conf, project=found, home=airflow_home)
    assert told(caught) == [message, hint]


DATED = """
from datetime import datetime
from airflow.sdk import DAG

try:
    from airflow.sdk import CronPartitionTimetable
    days = DAG("days", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC"))
except ImportError:  # 3.1
    pass
flow = DAG("flow", start_date=datetime(2024, 1, 1), end_date=datetime(2024, 12, 31))
"""
PLACES = "schedule=CronPartitionTimetable(...), PartitionedAssetTimetable(...) or PartitionedAtRuntime()"


@pytest.mark.parametrize(
    ("when", "partitions", "message", "hint"),
    [
        (
            {"date": "2023-12-31"},
            True,
            "`--date` is 2023-12-31T00:00:00+00:00, but DAG `flow` begins at 2024-01-01T00:00:00+00:00",
            "another --date, or another start_date or end_date of the DAG",
        ),
        (
            {"date": "2025-01-01"},
            True,
            "`--date` is 2025-01-01T00:00:00+00:00, but DAG `flow` ends at 2024-12-31T00:00:00+00:00",
            "another --date, or another start_date or end_date of the DAG",
        ),
        ({"partition": "north"}, True, "DAG `flow` has no partitions, so `--partition` cannot be used", PLACES),
        ({"partition": "north"}, False, "`--partition` needs Airflow 3.2 or newer", "leave it out"),
    ],
)
def test_a_date_that_the_dag_does_not_run_for(
    project: Make,
    airflow_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: dict[str, str],
    partitions: bool,
    message: str,
    hint: str,
) -> None:
    if not partitions:
        monkeypatch.setattr(minors, "version", lambda: (3, 1))
    with pytest.raises(GaiaflowError) as caught:
        run_dag("flow", "dev", project=Project.find(project(DATED)), home=airflow_home, **when)
    assert told(caught) == [message, hint]


def test_a_partition_that_the_dag_does_not_have(project: Make, airflow_home: Path) -> None:
    with pytest.raises(GaiaflowError) as caught:
        run_dag("days", "dev", project=Project.find(project(DATED)), home=airflow_home, partition="north")
    said = (
        "Partition key 'north' does not match the timetable's key_format '%Y-%m-%dT%H:%M:%S': "
        "time data 'north' does not match format '%Y-%m-%dT%H:%M:%S'"
    )
    assert told(caught) == [f"`--partition` does not fit DAG `days`: {said}", ""]
