"""dev_docker for real: a container for each task on a real engine, and nothing left of it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow_run import Outcomes, RunTasks
from parity.calls import FAILURES, PARAMS, VALUES, tasks

pytestmark = pytest.mark.engine
LABEL = "gaiaflow.project=gaiaflow-tests"


@pytest.fixture(scope="module")
def engine() -> Any:
    docker = pytest.importorskip("docker")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    yield client
    client.close()


def ours(engine: Any) -> list[str]:
    return [c.name for c in engine.containers.list(all=True, filters={"label": LABEL})]


@pytest.fixture(scope="module")
def parity(engine: Any, run_tasks: RunTasks, parity_image: str) -> Outcomes:
    return run_tasks(tasks(image=parity_image), PARAMS, GAIAFLOW_MODE="dev_docker")


@pytest.mark.parametrize("task", VALUES)
def test_a_value_arrives_as_it_left(parity: Outcomes, task: str) -> None:
    outcome = parity[task]
    assert outcome.error is None
    assert outcome.value == VALUES[task][3]


@pytest.mark.parametrize("task", FAILURES)
def test_a_failure_says_what_failed(parity: Outcomes, task: str) -> None:
    outcome = parity[task]
    assert outcome.kind == "TaskFailedError"
    assert FAILURES[task][2] in (outcome.error or "")


def test_what_the_function_prints_is_in_the_log(parity: Outcomes) -> None:
    for text in ("a line on stdout", "ünïcödé on stdout", "an unfinished line", "a line on stderr"):
        assert text in parity.log
    assert "KeyError: 'missing'" in parity.log


def test_nothing_is_left_behind(parity: Outcomes, engine: Any) -> None:
    assert ours(engine) == []
