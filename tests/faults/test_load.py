"""Many tasks, many clients, many values, much data: nothing lost, memory bounded. CI takes a part."""

from __future__ import annotations

import concurrent.futures
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from evidence import Evidence
from small_project import SmallProject

from gaiaflow.dags import run as dagrun
from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.stack import backends
from gaiaflow.stack.services.access import shell_environment

pytestmark = [pytest.mark.stack, pytest.mark.full]

MOST_MEMORY = 6 * 2**30
DAGS = """
from airflow.sdk import DAG
from gaiaflow.tasks import FromTask, create_task

with DAG("mapped", schedule=None, max_active_tasks=64):
    create_task("add", "faulty.work:add", map_over={{"one": list(range({tasks}))}}, retries=0)

with DAG("values", schedule=None):
    create_task("many", "faulty.work:many", func_args=[{values}])
    create_task("count", "faulty.work:count", func_args=[FromTask("many")])
"""
WORK = """

def many(count):
    return [{"number": n, "text": "x" * 20} for n in range(count)]


def count(values):
    return {"count": len(values), "sum": sum(v["number"] for v in values)}
"""
_ARTIFACTS = """
import hashlib, os, sys, tempfile, mlflow
megabytes = int(sys.argv[1])
mlflow.set_experiment("load")
with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
    sums = {}
    for part in range(4):
        path = os.path.join(folder, f"part{part}.bin")
        with open(path, "wb") as file:
            digest = hashlib.sha256()
            for _ in range(megabytes // 4):
                block = os.urandom(2**20); digest.update(block); file.write(block)
        sums[f"part{part}.bin"] = digest.hexdigest()
        mlflow.log_artifact(path)
        os.unlink(path)
    for name, wanted in sums.items():
        got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name, dst_path=folder)
        with open(got, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == wanted, name
        os.unlink(got)
"""


@pytest.fixture(scope="module")
def loaded(small: SmallProject, full: bool) -> SmallProject:
    work = small.root / "faulty" / "work.py"
    work.write_text(work.read_text() + WORK)
    dags = DAGS.format(tasks=_tasks(full), values=10_000)
    (small.root / "dags" / "load.py").write_text(dags)
    small.start()
    return small


def _tasks(full: bool) -> int:
    """How many mapped tasks; a small machine needs most of an hour for a thousand."""
    return int(os.environ.get("GAIAFLOW_LOAD_TASKS") or (1000 if full else 10))


def _memory(small: SmallProject) -> int:
    """What the stack's processes hold, shared pages counted once for each."""
    total = 0
    for pid in small.processes():
        with suppress(OSError):  # it has ended meanwhile
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _during(small: SmallProject, work: Callable[[], Any]) -> tuple[Any, float, int]:
    """The outcome, the seconds that it took, and the most memory that the stack held meanwhile."""
    begun, most = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        while not future.done():
            most = max(most, _memory(small))
            time.sleep(1)
    return future.result(), time.monotonic() - begun, most


def _figures(seconds: float, most: int) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"{seconds:.0f} s, at most {most / 2**30:.1f} GiB for the whole stack ({machine})"


def _run(small: SmallProject, dag: str, wait: int) -> dict[str, Any]:
    done = json.loads(small.inv("dag.run", dag, "--json", "--wait", str(wait), timeout=wait + 60))
    return dict(done["tasks"])


@pytest.mark.timeout(3000)
def test_mapped_tasks(loaded: SmallProject, full: bool, evidence: Evidence) -> None:
    count = _tasks(full)
    tasks, seconds, most = _during(loaded, lambda: _run(loaded, "mapped", 2700))
    assert tasks["add"]["value"] == [{"sum": number + 1} for number in range(count)]
    assert most < MOST_MEMORY
    evidence.add(
        "load", f"{count} mapped tasks of mode dev", f"every value in its place; {_figures(seconds, most)}"
    )


def test_values(loaded: SmallProject, evidence: Evidence) -> None:
    tasks, seconds, most = _during(loaded, lambda: _run(loaded, "values", 300))
    assert tasks["count"]["value"] == {"count": 10_000, "sum": 49_995_000}
    assert len(tasks["many"]["value"]) == 10_000
    evidence.add("load", "10,000 values through one XCom", f"all arrive; {_figures(seconds, most)}")


def test_clients(loaded: SmallProject, full: bool, evidence: Evidence) -> None:
    clients = 20 if full else 4
    before = _run_ids(loaded)

    def work() -> list[str]:
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            calls = [pool.submit(loaded.call, "dag.run", "kept", "--json", timeout=600) for _ in range(clients)]
        ended = [call.result() for call in calls]
        return [f"{done.returncode}: {done.stdout}{done.stderr}" for done in ended if done.returncode]

    failed, seconds, most = _during(loaded, work)
    assert failed == []
    assert len(_run_ids(loaded) - before) == clients
    evidence.add(
        "load", f"{clients} `dag.run` at once", f"each its own run, all succeed; {_figures(seconds, most)}"
    )


@pytest.mark.full
def test_artifacts(loaded: SmallProject, full: bool, evidence: Evidence) -> None:
    megabytes = 1024 if full else 64
    _, seconds, most = _during(loaded, lambda: _artifacts(loaded, megabytes))
    assert most < MOST_MEMORY
    evidence.add(
        "load",
        f"{megabytes} MiB of artifacts through MLflow, embedded",
        f"read back the same; {_figures(seconds, most)}",
    )


@pytest.mark.full
@pytest.mark.engine
@pytest.mark.timeout(1200)
def test_artifacts_docker(composed: SmallProject, evidence: Evidence) -> None:
    composed.start("--service", "mlflow", backend="docker")
    begun = time.monotonic()
    _artifacts(composed, 1024)
    seconds = time.monotonic() - begun
    stats = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *composed.containers()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    composed.stop()
    evidence.add(
        "load",
        "1024 MiB of artifacts through MLflow, docker",
        f"read back the same; {seconds:.0f} s; afterwards {', '.join(filter(None, stats))}",
    )


def _artifacts(small: SmallProject, megabytes: int) -> None:
    values = shell_environment(small.project, backends.current(small.project))
    done = subprocess.run(
        [str(ensure_environment(small.project, "services")), "-c", _ARTIFACTS, str(megabytes)],
        env={**os.environ, **values, "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=small.root,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _run_ids(small: SmallProject) -> set[str]:
    api = dagrun.connect(small.project)
    return {run["dag_run_id"] for run in api.request("GET", "dags/kept/dagRuns", limit=100)["dag_runs"]}
