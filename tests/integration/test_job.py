"""All calls of a map as one Job, for real: values, what runs again, errors, what is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow_run import Outcomes, RunTasks
from test_pods import (  # noqa: F401 - fixtures
    NAMESPACE,
    Cluster,
    cluster,
    handed_over,
    image,
    prod_local,
    profile,
    project,
)

pytestmark = [pytest.mark.cluster, pytest.mark.full]
FUNCTIONS = "parity.functions"
PATIENCE = 90


def job(task: str, function: str, image: str, **given: Any) -> dict[str, Any]:  # noqa: F811
    """The arguments of a task that one Job makes."""
    more = {"kubernetes": {"fan_out": "job", **given.pop("kubernetes", {})}}
    return {"task_id": task, "func_path": f"{FUNCTIONS}:{function}", "image": image, **more, **given}


@pytest.fixture(scope="module")
def outcomes(image: str, prod_local: dict[str, str], run_tasks: RunTasks) -> Outcomes:  # noqa: F811
    late = {"func_kwargs": {"late": [1, 3]}, "map_over": {"tile": [0, 1, 2, 3]}, "retries": 1, "retry_delay": 0}
    deferred = {"kubernetes": {"deferrable": True}}
    tasks = [
        job("plain", "squares", image, map_over={"tile": [1, 2], "offset": [10, 20]}),
        job("again", "tries", image, **late),
        job("deferred", "tries", image, **late, **deferred),
        job("large", "tries", image, func_kwargs={"text": "x" * 60_000}, map_over={"tile": list(range(12))}),
        job("fails", "tries", image, func_kwargs={"late": [1]}, map_over={"tile": [0, 1]}),
        job(
            "absent", "squares", "gaiaflow-tests/nowhere:1", map_over={"tile": [1, 2]}, retries=2, retry_delay=0
        ),
        job("away", "squares", "gaiaflow-tests/nowhere:1", map_over={"tile": [1]}, **deferred),
        job("no_secret", "squares", image, secrets=["nowhere"], map_over={"tile": [1]}),
        job("queued", "squares", image, map_over={"tile": [1]}, kubernetes={"queue": "research"}),
        job("slow", "sleeps", image, map_over={"seconds": [600, 600]}, execution_timeout=15),
        {
            "task_id": "collected",
            "func_path": f"{FUNCTIONS}:echo_value",
            "image": image,
            "func_kwargs": {"value": {"$from": ["again", "attempt"]}},
        },
    ]
    found: Outcomes = run_tasks(tasks, **prod_local)
    return found


def jobs(cluster: Cluster) -> list[dict[str, Any]]:  # noqa: F811
    return list(json.loads(cluster.run("-n", NAMESPACE, "get", "jobs", "-o", "json"))["items"])


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not (found := done()) and time.monotonic() < end:
        time.sleep(1)
    return found


def test_the_values_are_in_the_order_of_the_calls(outcomes: Outcomes) -> None:
    assert outcomes["plain"].value == [11, 21, 14, 24]


@pytest.mark.parametrize("task", ["again", "deferred"])
def test_an_attempt_makes_only_the_calls_that_failed(outcomes: Outcomes, task: str) -> None:
    value = [{"tile": tile, "attempt": "2" if tile in (1, 3) else "1", "size": 0} for tile in range(4)]
    assert outcomes[task].value == value
    assert outcomes[task].tries == 2


def test_a_later_task_reads_the_list_as_of_a_mapped_one(outcomes: Outcomes) -> None:
    assert outcomes["collected"].value == ["1", "2", "1", "2"]


def test_large_calls_arrive(outcomes: Outcomes) -> None:
    assert [each["size"] for each in outcomes["large"].value] == [60_000] * 12


def test_the_error_names_the_call(outcomes: Outcomes) -> None:
    error = "1 of 2 calls failed: [1] parity.functions:tries raised ConnectionError: tile 1 is late"
    assert outcomes["fails"].error == error


def test_the_log_has_the_lines_of_each_call(outcomes: Outcomes) -> None:
    assert "[3] tile 3 in attempt 2" in outcomes.log
    assert "2 of 4 calls succeeded in an earlier attempt" in outcomes.log


def test_what_no_pod_can_start_with_fails_at_once(outcomes: Outcomes) -> None:
    for task in ("absent", "away"):
        assert outcomes[task].kind == "MissingError"
        assert "image `gaiaflow-tests/nowhere:1` is not in the local cluster" in (outcomes[task].error or "")
    assert outcomes["absent"].tries == 1
    assert "inv secret.create nowhere" in (outcomes["no_secret"].error or "")
    assert "the cluster has no Kueue, and the task asks for its queue `research`" in (
        outcomes["queued"].error or ""
    )


def test_a_task_out_of_time_is_ended(outcomes: Outcomes) -> None:
    assert outcomes["slow"].kind == "AirflowTaskTimeout"


def test_only_the_job_that_failed_in_part_stays(cluster: Cluster, outcomes: Outcomes) -> None:  # noqa: F811
    assert until(lambda: len(jobs(cluster)) == 1)
    (left,) = jobs(cluster)
    assert left["metadata"]["labels"]["task_id"] == "fails"
    assert left["spec"]["ttlSecondsAfterFinished"] == 24 * 3600
    cluster.run("-n", NAMESPACE, "delete", "job", left["metadata"]["name"])
    assert cluster.await_no_pods() == []


def test_a_task_that_is_ended_leaves_no_job(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    run_tasks: RunTasks,
) -> None:
    tasks = [job("slow", "sleeps", image, map_over={"seconds": [600, 600]})]
    worker = run_tasks(tasks, start_only=True, **prod_local)
    assert until(lambda: any(pod["status"]["phase"] == "Running" for pod in cluster.pods()))
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=PATIENCE)
    assert until(lambda: jobs(cluster) == [])
    assert cluster.await_no_pods() == []


LOST = """
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

from gaiaflow.tasks import create_task

image, attempt = sys.argv[1], int(sys.argv[2])
task = create_task("lost", "parity.functions:slow_square", image=image, map_over={"tile": [1, 2, 3]},
                   kubernetes={"fan_out": "job"})
task.func_args, task.func_kwargs, task.map_over = [], {}, dict(task.map_over.value)
ti = SimpleNamespace(dag_id="lost", task_id="lost", run_id="one", map_index=-1, try_number=attempt,
                     start_date=datetime.now(timezone.utc), log_url="")
context = {"ti": ti, "run_id": "one", "dag": SimpleNamespace(dag_id="lost"), "params": {}, "task": task}
print("values", task.execute(context), flush=True)
"""


def test_the_job_of_a_lost_worker_is_taken_up(
    cluster: Cluster,  # noqa: F811
    image: str,  # noqa: F811
    prod_local: dict[str, str],  # noqa: F811
    airflow: tuple[str, dict[str, str]],
) -> None:
    python, variables = airflow
    command, environ = [python, "-c", LOST, image], variables | prod_local
    first = subprocess.Popen([*command, "1"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: any(pod["status"]["phase"] == "Running" for pod in cluster.pods()))
    first.kill()
    first.wait()
    (left,) = jobs(cluster)
    done = subprocess.run(
        [*command, "2"], env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert "values [1, 4, 9]" in done.stdout
    assert f"job `{left['metadata']['name']}` of an earlier attempt still runs" in done.stdout + done.stderr
    assert until(lambda: jobs(cluster) == [])
