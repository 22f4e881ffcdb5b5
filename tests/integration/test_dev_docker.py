"""dev_docker for real: a container for each task on a real engine, and nothing left of it."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from airflow_run import Outcomes, RunTasks
from parity import specials
from parity.calls import FAILURES, PARAMS, VALUES, tasks

from tests.failures import ways

pytestmark = pytest.mark.engine
LABEL = "gaiaflow.project=gaiaflow-tests"
NETWORK = "gaiaflow-tests"
PATIENCE = 60
LEFTOVER = """
from types import SimpleNamespace
from gaiaflow.tasks import create_task

task = create_task("t", "parity.functions:echo", image="IMAGE", mode="dev_docker")
ti = SimpleNamespace(dag_id="leftover", task_id="t", run_id="r", map_index=-1)
for _ in range(2):
    print(task.create_container({"ti": ti}, {})["Id"])
"""


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
    return [c.name for c in engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)]


@pytest.fixture(scope="module")
def parity(engine: Any, run_tasks: RunTasks, parity_image: str) -> Outcomes:
    return run_tasks(tasks(image=parity_image), PARAMS, GAIAFLOW_MODE="dev_docker")


@pytest.fixture(scope="module")
def special(
    engine: Any, run_tasks: RunTasks, parity_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    folder = tmp_path_factory.mktemp("project")
    (folder / ".gaiaflow" / "secrets").mkdir(parents=True)
    write(folder / ".gaiaflow" / "secrets" / "parity-secret.env", specials.SECRET)
    write(folder / "stack.env", specials.STACK)
    network = engine.networks.create(NETWORK, labels={"gaiaflow.project": "gaiaflow-tests"})
    small = {"limits": {"memory": "64Mi", "cpu": "500m"}}
    common = {"image": parity_image}
    more = [
        {
            "task_id": "limits",
            "func_path": "parity.functions:memory_limit",
            "resources": small,
            **common,
        },
        {
            "task_id": "hungry",
            "func_path": "parity.functions:returns_big",
            "func_args": [2**18],
            "resources": small,
            **common,
        },
        {
            "task_id": "grows",
            "func_path": "parity.functions:takes_memory",
            "func_args": [96],
            "resources": {"limits": {"memory": "48Mi"}, "memory_on_oom": "4x"},
            **common,
        },
        {"task_id": "host", "func_path": "parity.functions:resolves", "func_args": ["named"], **common},
    ]
    neighbour = engine.containers.run(
        parity_image, ["sleep", "300"], entrypoint="", detach=True, network=NETWORK, name="named"
    )
    yield run_tasks(
        [*specials.tasks(parity_image, "parity-secret"), *more],
        GAIAFLOW_MODE="dev_docker",
        GAIAFLOW_PROJECT=str(folder),
        GAIAFLOW_NETWORK=NETWORK,
        GAIAFLOW_TASK_ENV_DEV_DOCKER=str(folder / "stack.env"),
    )
    neighbour.remove(force=True)
    network.remove()


@pytest.fixture(scope="module")
def failing(engine: Any, run_tasks: RunTasks, parity_image: str) -> Outcomes:
    return run_tasks(ways.tasks("dev_docker", parity_image), GAIAFLOW_MODE="dev_docker")


@pytest.mark.parametrize(("way", "cell"), list(ways.seen("dev_docker", real=True)), ids=ways.named)
def test_a_way_to_fail_reads_as_in_the_table(failing: Outcomes, way: ways.Way, cell: ways.Seen) -> None:
    ways.hold(cell, failing[way.key])


def write(file: Path, variables: dict[str, str]) -> None:
    file.write_text("".join(f'{name}="{value}"\n' for name, value in variables.items()))


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
    levels = {"a line on stdout": "info", "a line on stderr": "warning", "KeyError: 'missing'": "error"}
    for text, level in levels.items():
        assert re.search(rf"\b{level}\b.*{text}", parity.log, re.IGNORECASE)


def test_secrets_come_over_the_task_over_the_stack(special: Outcomes) -> None:
    assert special["variables"].value == specials.SEEN


def test_a_failed_task_is_tried_again(special: Outcomes) -> None:
    assert special["again"].tries == 3
    assert special["again"].error == "parity.functions:exits raised SystemExit: 3"


def test_a_task_out_of_time_is_ended(special: Outcomes) -> None:
    assert special["slow"].kind == "AirflowTaskTimeout"


def test_mapped_results_come_in_order(special: Outcomes) -> None:
    assert [special.at("squares", index).value for index in range(3)] == [2, 5, 10]
    assert special["collected"].value == {"all": [[2, 5, 10]]}


def test_a_dropped_result_needs_not_be_json(special: Outcomes) -> None:
    assert special["dropped"].error is None


def test_an_image_that_is_not_there_names_the_command(special: Outcomes) -> None:
    assert special["absent"].kind == "MissingError"
    assert special["absent"].tries == 1
    assert special["absent"].error == (
        "image `gaiaflow-tests/nowhere:1` is not on this engine\nhint: inv dev.dockerize\n"
        "not retried: another attempt would fail in the same way"
    )


def test_limits_hold(special: Outcomes) -> None:
    assert special["limits"].value == 64 * 2**20
    assert special["hungry"].error == (
        "`parity.functions:returns_big` was killed: it used more memory than its limit"
    )


def test_the_services_of_the_network_have_names(special: Outcomes) -> None:
    assert special["host"].value is True


def test_nothing_is_left_behind(parity: Outcomes, special: Outcomes, engine: Any) -> None:
    assert ours(engine) == []


def test_what_a_killed_worker_left_goes_first(
    engine: Any, airflow: tuple[str, dict[str, str]], parity_image: str
) -> None:
    python, variables = airflow
    code = LEFTOVER.replace("IMAGE", parity_image)
    done = subprocess.run([python, "-c", code], env=variables, capture_output=True, text=True, check=True)
    first, second = done.stdout.split()[-2:]
    there = [c.id for c in engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)]
    engine.containers.get(second).remove(force=True)
    assert first != second
    assert there == [second]


def test_a_killed_task_takes_its_container_along(engine: Any, run_tasks: RunTasks, parity_image: str) -> None:
    sleeping = {"task_id": "sleeps", "func_path": "parity.functions:sleeps", "image": parity_image}
    worker = run_tasks([sleeping], start_only=True, GAIAFLOW_MODE="dev_docker")
    try:
        await_(lambda: engine.containers.list(filters={"label": LABEL}, ignore_removed=True))
        worker.send_signal(signal.SIGTERM)
        await_(lambda: not ours(engine))
        worker.wait(timeout=PATIENCE)
    finally:
        worker.kill()
        worker.wait()
    assert ours(engine) == []


def await_(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def test_a_container_that_ran_out_of_memory_gets_more(special: Outcomes) -> None:
    assert (special["grows"].value, special["grows"].tries) == (96, 1)
    assert "out of memory, now with 192Mi (1 of at most 3 times)" in special.log
