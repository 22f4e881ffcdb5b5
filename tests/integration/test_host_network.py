"""The example in mode dev_docker beside the embedded stack: its containers find MLflow and S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from example_results import SCORES, assert_all_there, assert_tagged, value
from example_stack import Running

from gaiaflow.infra.images import engine as docker
from gaiaflow.stack.services import hostnetwork

pytestmark = [
    pytest.mark.engine,
    pytest.mark.stack,
    pytest.mark.skipif(not docker.engine_answers(), reason="no Docker engine answers"),
    pytest.mark.skipif(not hostnetwork.is_shared(), reason="the engine's host network is not this machine's"),
]
# Not the example's own name, under which somebody may have made an image.
IMAGE = "co2-forecast-host-network/co2_forecast:1"


@pytest.fixture(scope="module")
def boxed(stack: Running) -> Iterator[Running]:
    """The stack with Airflow in mode dev_docker; afterwards it is in mode dev again."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("GAIAFLOW_IMAGE", IMAGE)
        stack.start("--auto-ports", "--wait", "400")
        stack.inv("dev.dockerize")
        stack.inv("dev.restart", "--service", "airflow", "--mode", "dev_docker", "--wait", "400")
        yield stack
        stack.inv("dev.remove-image", "--yes")
    stack.inv("dev.restart", "--service", "airflow", "--mode", "dev", "--wait", "400")


@pytest.fixture(scope="module")
def run(boxed: Running) -> dict[str, Any]:
    return dict(json.loads(boxed.inv("dag.run", "co2_forecast", "--json")))


def test_a_run_ends_with_the_values_of_the_other_modes(run: dict[str, Any]) -> None:
    assert run["state"] == "success"
    assert value(run, "modelling.evaluate") == SCORES


def test_run_model_and_objects_can_be_read_back(boxed: Running, run: dict[str, Any]) -> None:
    assert_all_there(boxed, run)
    assert_tagged(boxed, run, "dev_docker")


def test_in_one_process_too(boxed: Running) -> None:
    run = json.loads(boxed.inv("dag.test", "co2_forecast", "--mode", "dev_docker", "--stack", "--json"))
    assert run["state"] == "success"
    assert value(run, "modelling.evaluate") == SCORES
    assert_tagged(boxed, run, "dev_docker")


def test_the_doctor_asks_from_such_a_container(boxed: Running) -> None:
    told = json.loads(boxed.call("doctor", "--mode", "dev_docker", "--json").stdout)
    said = next(check for check in told["checks"] if check["name"] == "addresses from a container")
    assert said["state"] == "ok", said
    assert "from a container answer mlflow at http://127.0.0.1:" in said["said"]
