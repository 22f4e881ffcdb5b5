"""What a function logs, prints and raises has its level in Airflow's log, in every mode; no frame is ours."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from gaiaflow.errors import TaskFailedError
from gaiaflow.operators.docker import DevDockerOperator
from gaiaflow.operators.kubernetes import PodOperator
from gaiaflow.operators.pod.start import WatchfulPodManager
from gaiaflow.runner import LOG_LEVELS
from gaiaflow.tasks import create_task

FUNCTIONS = """
import logging, sys, warnings

def speaks():
    logging.info("root")
    logging.getLogger("my.model").error("two\\nlines")
    warnings.warn("careful")
    print("printed")
    print("on stderr", file=sys.stderr)
    raise ValueError("bad")
"""
# What the task's own process does: Airflow has set up its log before the task runs.
SCRIPT = """
import sys
from airflow.sdk.log import configure_logging
configure_logging(json_output=True, output=open(sys.argv[1], "wb"), sending_to_supervisor=True)
import structlog
log = structlog.get_logger(logger_name="task")
log.info("before")
from gaiaflow.tasks import create_task
task = create_task("t", sys.argv[2], mode="dev")
task.func_args, task.func_kwargs = [], {}  # as Airflow resolves them
try:
    task.execute({})
except Exception:
    log.exception("Task failed with exception")
"""


def records(folder: Path, function: str) -> list[dict[str, Any]]:
    """The log of a task in mode dev, as it goes to Airflow's supervisor."""
    (folder / "speech.py").write_text(FUNCTIONS)
    log, root = folder / "log.json", Path(__file__).parents[2]
    environment = {"PYTHONPATH": str(root), "GAIAFLOW_CODE": str(folder), "AIRFLOW_HOME": str(folder)}
    command = [sys.executable, "-c", SCRIPT, str(log), function]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_each_line_has_its_level_in_the_tasks_log(tmp_path: Path) -> None:
    said = [(record["level"], record["event"]) for record in records(tmp_path, "speech:speaks")]
    ends = [(level, text.split(",")[-1][4:]) for level, text in said]
    assert ("info", "root: root") in ends
    assert ("error", "my.model: two") in ends
    assert {("error", "lines"), ("info", "printed"), ("warning", "on stderr")} <= set(said)
    assert [level for level, text in said if "UserWarning: careful" in text] == ["warning"]
    assert ("error", "Traceback (most recent call last):") in said
    assert ("error", "ValueError: bad") in said
    assert ("error", "gaiaflow: speech:speaks raised ValueError: bad") in said


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        ("speech:speaks", "TaskFailedError", "speech:speaks raised ValueError: bad"),
        ("speech:speak", "TaskFailedError", "speech has no function `speak`: there is speaks"),
    ],
)
def test_the_error_has_no_frame_of_ours(tmp_path: Path, function: str, kind: str, text: str) -> None:
    (error,) = records(tmp_path, function)[-1]["exception"]
    assert (error["exc_type"], error["frames"]) == (kind, [])
    assert error["exc_value"].splitlines()[0] == text


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []

    def log(self, level: int, text: str, *args: Any) -> None:
        self.said.append((level, text % args if args else text))


MARKED = ["INFO| 12:00:00 my.model: epoch", "WARNING| careful", "ERROR: printed", "ERROR| ", "printed"]
LEVELS = [
    (logging.INFO, "12:00:00 my.model: epoch"),
    (logging.WARNING, "careful"),
    (logging.INFO, "ERROR: printed"),
    (logging.ERROR, ""),
    (logging.INFO, "printed"),
]


def operator(mode: str) -> Any:
    with DAG("flow", schedule=None, start_date=datetime(2026, 1, 1)):
        return create_task("t", "package.module:function", image="p/p:1", mode=mode)


class Engine:
    """A Docker engine whose container says these lines and leaves with 1."""

    def attach(self, *_: Any, **__: Any) -> Iterator[bytes]:
        lines = [*MARKED, "ERROR| gaiaflow: package.module:function raised ValueError: bad"]
        yield "".join(f"{line}\n" for line in lines).encode()

    def start(self, *_: Any) -> None:
        pass

    def wait(self, *_: Any) -> dict[str, int]:
        return {"StatusCode": 1}

    def inspect_container(self, *_: Any) -> dict[str, Any]:
        return {"State": {}}


def test_a_containers_lines_have_their_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    task, log = operator("dev_docker"), Log()
    monkeypatch.setattr(DevDockerOperator, "cli", Engine())
    monkeypatch.setattr(DevDockerOperator, "log", log)
    task.container = {"Id": "1"}
    with pytest.raises(TaskFailedError, match=r"^package\.module:function raised ValueError: bad$"):
        task._run()
    assert log.said[:-1] == LEVELS
    assert task._variables({})[LOG_LEVELS] == "1"


def test_a_pods_lines_have_their_levels() -> None:
    manager, log = WatchfulPodManager(kube_client=SimpleNamespace()), Log()
    manager._log = log  # type: ignore[assignment]
    for line in MARKED:
        manager._log_message(line, "base", False, None)
    assert log.said == LEVELS
    manager._log_message("WARNING| careful", "base", False, lambda container, text: f"{container}> {text}")
    assert log.said[-1][1] == "base> careful"


class Cluster:
    """An API server with the log of one pod."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def read_namespaced_pod_log(self, *_: str, **options: Any) -> Iterator[bytes]:
        self.asked = options
        yield "".join(f"{line}\n" for line in MARKED).encode()


def test_a_deferred_pods_lines_have_their_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    task, log, cluster = operator("prod"), Log(), Cluster()
    monkeypatch.setattr(PodOperator, "log", log)
    monkeypatch.setattr(PodOperator, "client", cluster)
    pod = SimpleNamespace(metadata=SimpleNamespace(name="p", namespace="n"))
    task._write_logs(pod, since_time="2026-01-01T00:00:00Z")
    assert log.said == LEVELS
    assert cluster.asked["since_seconds"] > 0
    task._write_logs(pod)
    assert cluster.asked["since_seconds"] is None


@pytest.mark.parametrize("mode", ["prod_local", "prod"])
def test_a_pod_is_asked_for_levels_and_its_last_line_is_read(mode: str) -> None:
    task = operator(mode)
    assert task._variables({})[LOG_LEVELS] == "1"
    error = task.failed(["ERROR| Traceback", "ERROR| gaiaflow: m:f raised ValueError: bad"], "ended")
    assert error.message == "m:f raised ValueError: bad"
