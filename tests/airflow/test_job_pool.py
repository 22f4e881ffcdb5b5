"""All calls of a map by one task of mode dev: the values, what runs again, the errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.inspection import explain, production, recall
from gaiaflow.project import Project
from gaiaflow.testing import run_dag

DAGS = """
from airflow.sdk import DAG
from gaiaflow.tasks import FromRun, FromTask, create_task

JOB = {"fan_out": "job"}
with DAG("flow", schedule=None):
    create_task("list", "pk.f:given", func_kwargs={"value": [1, 2]})
    create_task("keyed", "pk.f:pair", map_over={"x": FromTask("list"), "y": [10, 20]}, kubernetes=JOB)
    create_task("told", "pk.f:given", map_over={"value": [FromRun("dag_id"), None]}, secrets=["key"],
                kubernetes={**JOB, "queue": "research"})
    create_task("local", "pk.f:given", map_over={"value": ["http://localhost:5000"]}, kubernetes=JOB)
    create_task("sums", "pk.f:given", func_kwargs={"value": FromTask("keyed", "sum")})
    create_task("after", "pk.f:given", map_over={"value": FromTask("told")}, kubernetes=JOB)
    create_task("empty", "pk.f:given", func_kwargs={"value": []})
    create_task("no_call", "pk.f:given", map_over={"value": FromTask("empty")}, kubernetes=JOB)

with DAG("once", schedule=None):
    create_task("flaky", "pk.f:flaky", func_kwargs={"folder": FOLDER}, map_over={"x": [0, 1, 2]},
                kubernetes=JOB)

with DAG("bad", schedule=None):
    create_task("fails", "pk.f:fails", map_over={"x": [0, 1, 2, 3, 4, 5]}, kubernetes=JOB)
    create_task("no_json", "pk.f:no_json", map_over={"x": [0, 1]}, kubernetes=JOB)
    create_task("large", "pk.f:large", map_over={"x": [4078, 4079]}, kubernetes=JOB)
    create_task("no_list", "pk.f:given", map_over={"value": FromTask("number")}, kubernetes=JOB)
    create_task("number", "pk.f:given", func_kwargs={"value": 3})
"""
FUNCTIONS = """
from pathlib import Path

def given(value):
    return value

def pair(x, y):
    print(f"{x} and {y}")
    return {"sum": x + y}

def flaky(folder, x):
    file = Path(folder, str(x))
    file.write_text((file.read_text() if file.exists() else "") + "x")
    if x == 1 and file.read_text() == "x":
        raise ConnectionError("not yet")
    return x

def fails(x):
    if x:
        raise ValueError(f"no {x}")

def no_json(x):
    return {1}

def large(x):
    return "x" * x
"""
Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_PYTHON", sys.executable)


def made(project: Make, tmp_path: Path) -> Project:
    folder = tmp_path / "calls"
    folder.mkdir(exist_ok=True)
    return Project.find(project(DAGS.replace("FOLDER", repr(str(folder))), FUNCTIONS))


def test_the_values_are_those_of_mapped_tasks(project: Make, tmp_path: Path, airflow_home: Path) -> None:
    run = run_dag("flow", "dev", project=made(project, tmp_path), home=airflow_home)
    assert run.tasks["keyed"].value == [{"sum": 11}, {"sum": 21}, {"sum": 12}, {"sum": 22}]
    assert run.tasks["told"].value == ["flow", None]
    assert run.tasks["sums"].value == [11, 21, 12, 22]
    assert run.tasks["after"].value == ["flow", None]
    assert run.tasks["no_call"].state == "skipped"
    assert run.edges["list"] == ["keyed"]


def test_an_attempt_makes_only_the_calls_that_failed(project: Make, tmp_path: Path, airflow_home: Path) -> None:
    run = run_dag("once", "dev", project=made(project, tmp_path), retries=1, home=airflow_home)
    assert run.tasks["flaky"].value == [0, 1, 2]
    assert [(tmp_path / "calls" / str(x)).read_text() for x in range(3)] == ["x", "xx", "x"]
    assert not list((airflow_home / "gaiaflow-calls").glob("*"))


def test_the_error_names_the_calls(project: Make, tmp_path: Path, airflow_home: Path) -> None:
    run = run_dag("bad", "dev", project=made(project, tmp_path), home=airflow_home)
    assert run.tasks["fails"].error == (
        "5 of 6 calls failed: [1] pk.f:fails raised ValueError: no 1; [2] pk.f:fails raised ValueError: no 2; "
        "[3] pk.f:fails raised ValueError: no 3; and 2 more"
    )
    assert run.tasks["no_json"].error == (
        "2 of 2 calls failed: [0] pk.f:no_json returned what is not JSON: result is a set; "
        "[1] pk.f:no_json returned what is not JSON: result is a set"
    )
    assert run.tasks["large"].error == (
        "1 of 2 calls failed: [1] pk.f:large returned 4081 bytes: a small result has at most 4080"
    )
    assert run.tasks["no_list"].error == "task `no_list` maps `value` over a int, not a list"


def test_one_of_the_calls_is_made_again_as_it_was(project: Make, tmp_path: Path) -> None:
    request = {"dag": "flow", "task": "keyed", "map_index": -1, "conf": {}, "values": {"list": [1, 2]}}
    found = recall.answer(made(project, tmp_path), {**request, "arguments": None, "call": 2})
    assert (found["index"], found["call"]["kwargs"]) == (2, {"x": 2, "y": 10})
    for index, message in ((None, "task `keyed` makes 4 calls"), (4, "no map index 4")):
        with pytest.raises(UsageError) as refused:
            recall.answer(made(project, tmp_path), {**request, "arguments": None, "call": index})
        assert refused.value.message == message


def test_it_is_explained_in_every_mode(project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_IMAGE", "p/p:1")
    flow = made(project, tmp_path)

    def told(mode: str, task: str) -> dict[str, Any]:
        found = explain.answer(flow, {"dag": "flow", "modes": [mode], "task": task})
        shown: dict[str, Any] = found["explained"][0]["tasks"][task]
        return shown

    dev, prod = told("dev", "keyed"), told("prod", "keyed")
    assert (dev["mode"], dev["runs_as"], dev["ignored"]) == ("dev", "ExternalPythonOperator", [])
    assert json.loads(dev["environment"]["GAIAFLOW_CALL"])["kwargs"] == {"x": "FromTask(list)", "y": 10}
    assert told("dev_docker", "keyed")["image"] == "p/p:1"
    assert (prod["spec"]["kind"], prod["spec"]["spec"]["completions"]) == ("Job", 2)
    assert prod["kubernetes"] == "1.29 or newer"
    (ignored,) = told("dev", "told")["ignored"]
    assert (ignored["argument"], ignored["value"]) == ("kubernetes", {"queue": "research"})
    assert told("prod", "told")["mapped_over"] == {"value": "2 values"}


def test_production_sees_its_secrets_and_claims(project: Make, tmp_path: Path) -> None:
    asked = {"image": "p/p:1", "namespace": "mine", "allowed": ()}
    found = production.answer(made(project, tmp_path), asked)
    (flow,) = [dag for dag in found["dags"] if dag["dag"] == "flow"]
    (told,) = [task for task in flow["tasks"] if task["task"] == "told"]
    assert (told["mode"], told["images"], told["secrets"]) == ("prod", ["p/p:1"], ["key"])
    assert [task["task"] for task in flow["tasks"] if task["local"]] == ["local"]
