"""The example pipeline on the running stack: REST API, MLflow, registry, S3, live edits, a stop and a start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from example_results import SCORES, assert_all_there, assert_tagged, value
from example_stack import Running

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def started(stack: Running) -> Running:
    stack.start("--auto-ports", "--wait", "400")
    return stack


@pytest.fixture(scope="module")
def run(started: Running) -> dict[str, Any]:
    """One run through the REST API; what dag.run printed."""
    return json.loads(started.inv("dag.run", "co2_forecast", "--json"))


def test_the_run_ends_with_every_task_and_value(run: dict[str, Any]) -> None:
    assert (run["dag"], run["state"]) == ("co2_forecast", "success")
    assert {name: task["state"] for name, task in run["tasks"].items()} == dict.fromkeys(
        ("preprocess", "modelling.train", "modelling.evaluate"), "success"
    )
    assert value(run, "modelling.evaluate") == SCORES
    assert all(task["seconds"] > 0 for task in run["tasks"].values())


def test_run_model_and_objects_can_be_read_back(started: Running, run: dict[str, Any]) -> None:
    assert_all_there(started, run)
    assert_tagged(started, run, "dev")


def test_a_task_of_the_run_comes_out_the_same_again(started: Running, run: dict[str, Any]) -> None:
    again = json.loads(
        started.inv("dag.replay", "co2_forecast", "modelling.evaluate", "latest", "--stack", "--json")
    )
    assert again["recorded"] == {"state": "success", "value": value(run, "modelling.evaluate")}
    assert again["equal"] is True
    told = started.inv("dag.replay", "co2_forecast", "modelling.evalute", "latest", code=2)
    assert "did you mean `modelling.evaluate`?" in told


def test_the_last_run_shows_in_the_list_and_in_the_graph(started: Running, run: dict[str, Any]) -> None:
    listed = json.loads(started.inv("dag.list", "--json"))
    assert [(dag["dag"], dag["last_run"]) for dag in listed["dags"]] == [("co2_forecast", run["state"])]
    file = started.root / "graph.svg"
    drawn = json.loads(started.inv("dag.graph", "co2_forecast", "--output", str(file), "--json"))
    assert {task["task"]: task["state"] for task in drawn["tasks"]} == dict.fromkeys(run["tasks"], "success")
    assert "modelling.train: dev · success" in "".join(ElementTree.parse(file).getroot().itertext())


def test_the_example_passes_its_checks(started: Running) -> None:
    checked = json.loads(started.inv("dag.check", "--times", "3", "--json"))
    assert checked["ok"] is True
    assert checked["findings"] == []


def test_params_come_typed(started: Running) -> None:
    conf = json.dumps({"horizon_months": 36})
    run = json.loads(started.inv("dag.run", "co2_forecast", "--conf", conf, "--json"))
    assert run["state"] == "success"
    assert value(run, "modelling.evaluate") != SCORES


def edited(stack: Running, more: str) -> Any:
    """Lines at the end of the module of `preprocess`, while the stack runs."""
    file = stack.root / "co2_forecast" / "preprocess" / "monthly.py"
    text = file.read_text()
    return _swapped(file, text, text + more)


@contextmanager
def _swapped(file: Path, before: str, after: str) -> Iterator[None]:
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)


def test_an_edit_shows_in_the_next_run(started: Running) -> None:
    more = (
        "\n\n_before = preprocess\n\n\ndef preprocess(params):\n    return {**_before(params), 'months': -1}\n"
    )
    with edited(started, more):
        run = json.loads(started.inv("dag.run", "co2_forecast", "--json"))
    assert value(run, "preprocess")["months"] == -1


def test_a_failure_names_function_and_error(started: Running) -> None:
    with edited(started, "\n\ndef preprocess(params):\n    raise ValueError('on purpose')\n"):
        told = started.inv("dag.test", "co2_forecast", code=1)
    assert "co2_forecast.preprocess.monthly:preprocess raised ValueError: on purpose" in told


def test_an_unknown_dag_is_guessed(started: Running) -> None:
    for command in ("dag.run", "dag.test"):
        told = started.inv(command, "co2_forcast", code=2)
        assert "`co2_forcast`" in told
        assert "did you mean `co2_forecast`?" in told


TIDES = """
from datetime import datetime
from airflow.sdk import Asset, DAG
from gaiaflow.tasks import FromRun, FromTask, create_task

with DAG("tides", schedule="@daily", start_date=datetime(2024, 1, 1)):
    create_task("read", "sea:read", func_kwargs={"day": FromRun("ds")})
    create_task("level", "sea:level", func_args=[FromTask("read")], retries=0)
    create_task("report", "sea:report", func_args=[FromTask("level")])

with DAG("tomorrow", schedule=None):
    day = FromRun("logical_date")
    create_task("next", "sea:after", func_kwargs={"day": day}, outlets=[Asset("day")], retries=0)

with DAG("warning", schedule=[Asset("day")]):
    create_task("warn", "sea:report", func_args=[FromRun('asset("day")', "day")])
"""
SEA = """
import datetime
def read(day):
    with open(__file__.replace("sea.py", "reads.txt"), "a") as file:
        file.write(f"{day}\\n")
    return day

def level(day):
    if day == "2024-05-02":
        raise ValueError("no tide")
    return f"high on {day}"

def report(level):
    return level

def after(day: datetime.date):
    return {"day": str(day + datetime.timedelta(days=1))}
"""


def test_past_dates_are_filled_and_a_run_that_failed_is_recovered(started: Running) -> None:
    dag, sea, reads = (started.root / name for name in ("dags/tides.py", "sea.py", "reads.txt"))
    dag.write_text(TIDES)
    sea.write_text(SEA)
    words = ("dag.backfill", "tides", "--from", "2024-05-01", "--to", "2024-05-03")
    try:
        planned = json.loads(started.inv(*words, "--dry-run", "--json"))
        assert [run["action"] for run in planned["runs"]] == ["make"] * 3
        told = started.inv(*words, code=1)
        assert "level failed, attempt 1 of 1: sea:level raised ValueError: no tide" in told
        assert "error: 1 of 3 runs of DAG `tides` failed: 2024-05-02" in told
        filled = json.loads(started.call(*words, "--json").stdout)
        assert [run["state"] for run in filled["runs"]] == ["success", "failed", "success"]
        assert [run["action"] for run in filled["runs"]] == ["keep"] * 3
        failed = filled["runs"][1]["run_id"]
        sea.write_text(SEA.replace('== "2024-05-02"', "is None"))
        recovered = json.loads(started.inv("dag.recover", "tides", failed, "--json"))
        assert (recovered["again"], recovered["kept"]) == (["level", "report"], ["read"])
        assert (recovered["state"], value(recovered, "report")) == ("success", "high on 2024-05-02")
        assert reads.read_text().split().count("2024-05-02") == 1
        listed = json.loads(started.inv("dag.list", "--json"))["dags"]
        assert {dag["dag"] for dag in listed if dag["next_run"]} == {"tides"}
        told = started.inv("dag.run", "tides", "--date", "2024-05-02", code=2)
        assert "dag.recover" in told
    finally:
        dag.unlink()
        sea.unlink()


def test_a_run_has_a_date_and_its_asset_starts_another_dag(started: Running) -> None:
    dag, sea = (started.root / name for name in ("dags/tides.py", "sea.py"))
    dag.write_text(TIDES)
    sea.write_text(SEA)
    try:
        done = started.call("dag.run", "tomorrow", "--date", "2024-02-28")
        assert done.returncode == 0, done.stderr
        assert "asset `day` started DAG `warning`" in done.stderr
        run = json.loads(started.inv("dag.run", "tomorrow", "--date", "2024-12-31", "--json"))
        assert value(run, "next") == {"day": "2025-01-01"}
        (brought,) = run["assets"]
        (warned,) = brought["started"]
        seen = json.loads(started.inv("dag.watch", "warning", warned["run_id"], "--json"))
        assert value(seen, "warn") == "2025-01-01"
        again = json.loads(
            started.inv("dag.replay", "tomorrow", "next", "latest", "--date", "2024-03-01", "--json")
        )
        assert again["replayed"]["value"] == {"day": "2024-03-02"}
        told = started.inv("dag.run", "tomorrow", code=1)
        assert "--date" in told
    finally:
        dag.unlink()
        sea.unlink()


def test_all_of_it_outlasts_a_stop(started: Running, run: dict[str, Any]) -> None:
    started.inv("dev.stop")
    assert "inv dev.start" in started.inv("dag.run", "co2_forecast", code=3)
    started.start("--auto-ports", "--wait", "400")
    assert_all_there(started, run)
    again = json.loads(started.inv("dag.run", "co2_forecast", "--json"))
    assert value(again, "modelling.evaluate") == SCORES
    assert value(again, "modelling.train")["model_version"] != value(run, "modelling.train")["model_version"]
