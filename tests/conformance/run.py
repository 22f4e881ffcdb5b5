"""Run Airflow's example DAGs on a stack through the REST API: `run.py BACKEND [--json FILE]`.

`embedded` and `docker` are backends, `kubernetes` is the embedded one whose tasks are pods. The exit code is 1
if a DAG does not succeed, which Airflow's suite demands of each, unless it needs what is outside.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from examples import DAG_IDS, NEEDS, copy

from gaiaflow.dags.api import FINISHED, AirflowApi, NotFoundError
from gaiaflow.dags.run import connect
from gaiaflow.infra.environments.environment import ensure_environment
from gaiaflow.project import Project

ROOT = Path(__file__).parents[2]
STARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "embedded": (("dev.start", "--backend", "embedded", "--service", "airflow"),),
    "docker": (("dev.start", "--backend", "docker", "--service", "airflow"),),
    "kubernetes": (
        ("prodlocal.start", "--executor", "kubernetes"),
        ("prodlocal.dockerize",),
    ),
}
STOPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "kubernetes": (("prodlocal.stop", "--delete"),),
}
PYPROJECT = '[project]\nname = "conformance"\nversion = "0.1"\n[tool.gaiaflow]\n'
TASKS = "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"
# Seconds until Airflow has read every file, and until every run is over.
READ = 180
RUNS = 1500


@dataclass(frozen=True)
class Outcome:
    """How one DAG's run ended.

    Attributes:
        state: Airflow's, `not read` or `not finished`.
        failed: the tasks that failed.
    """

    state: str
    failed: tuple[str, ...] = ()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", choices=list(STARTS), nargs="?", default="embedded")
    parser.add_argument("--json", type=Path, help="write the states to this file; other backends stay")
    wanted = parser.parse_args()
    began = time.monotonic()
    with running(wanted.backend) as project:
        outcomes = run_all(connect(project))
        versions = packages(project)
    seconds = round(time.monotonic() - began)
    for dag_id, outcome in outcomes.items():
        print(f"{outcome.state:13} {dag_id} {' '.join(outcome.failed)}")
    print(f"{sum(o.state == 'success' for o in outcomes.values())} of {len(outcomes)} succeeded in {seconds} s")
    if wanted.json:
        keep(wanted.json, wanted.backend, outcomes, {**versions, "seconds": seconds})
    return int(any(o.state != "success" and name not in NEEDS for name, o in outcomes.items()))


@contextmanager
def running(backend: str) -> Iterator[Project]:
    """A project of these DAGs, and nothing else, on a stack of its own that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "tasks.py").write_text(TASKS)
        project = Project.find(folder)
        python = ensure_environment(project, "airflow")
        (packages,) = (python.parents[1] / "lib").glob("python*/site-packages")
        copy(packages, folder)
        try:
            for command in STARTS[backend]:
                inv(folder, *command, *(("--auto-ports",) if command[0] == "dev.start" else ()))
            yield project
        finally:
            for command in (*STOPS.get(backend, ()), ("dev.cleanup", "--yes")):
                with suppress(subprocess.CalledProcessError):
                    inv(folder, *command)


def inv(folder: Path, *command: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "invoke", *command], cwd=folder, env=env, check=True, timeout=1200)


def run_all(api: AirflowApi) -> dict[str, Outcome]:
    """Start each DAG as soon as Airflow has read it, all of them side by side; how each ended."""
    runs = start(api)
    outcomes = {dag_id: Outcome("not read") for dag_id in DAG_IDS if dag_id not in runs}
    deadline = time.monotonic() + RUNS
    while open_runs := [dag_id for dag_id in runs if dag_id not in outcomes]:
        late = time.monotonic() > deadline
        for dag_id in open_runs:
            state = api.run_state(dag_id, runs[dag_id])
            if state in FINISHED or late:
                outcomes[dag_id] = outcome(api, dag_id, runs[dag_id], state)
        time.sleep(2)
    return {dag_id: outcomes[dag_id] for dag_id in DAG_IDS}


def start(api: AirflowApi) -> dict[str, str]:
    """The id of each run that was begun."""
    runs: dict[str, str] = {}
    deadline = time.monotonic() + READ
    while len(runs) < len(DAG_IDS) and time.monotonic() < deadline:
        for dag_id in set(DAG_IDS) - set(runs):
            with suppress(NotFoundError):
                api.dag(dag_id)
                api.unpause(dag_id)
                now = datetime.now(timezone.utc).isoformat()
                runs[dag_id] = api.trigger(dag_id, {}, {"logical_date": now})
        time.sleep(1)
    return runs


def outcome(api: AirflowApi, dag_id: str, run_id: str, state: str) -> Outcome:
    if state == "success":
        return Outcome(state)
    tasks: list[dict[str, Any]] = api.every(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")
    failed = sorted({task["task_id"] for task in tasks if task["state"] == "failed"})
    return Outcome(state if state in FINISHED else "not finished", tuple(failed))


def packages(project: Project) -> dict[str, str]:
    """The versions of the wheels that the DAGs are from."""
    places = [str(place) for place in (project.home / "envs" / "airflow" / "lib").glob("python*/site-packages")]
    names = ("apache-airflow", "apache-airflow-providers-standard")
    found = {name: next(iter(metadata.distributions(name=name, path=places))) for name in names}
    return {name: one.version for name, one in found.items()}


def keep(file: Path, backend: str, outcomes: dict[str, Outcome], facts: dict[str, Any]) -> None:
    """Replace the column of this backend."""
    kept = json.loads(file.read_text()) if file.is_file() else {}
    states = {name: {"state": o.state, "failed": list(o.failed)} for name, o in outcomes.items()}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    kept[backend] = {"taken": date.today().isoformat(), "machine": machine, **facts, "dags": states}
    file.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
