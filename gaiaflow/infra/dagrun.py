"""Runs a DAG on the running stack: waits until Airflow has read it, triggers it, follows it, collects it."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from gaiaflow.errors import GaiaflowError, StillStartingError, UsageError, near_miss
from gaiaflow.infra import backends
from gaiaflow.infra.airflow_api import FINISHED, AirflowApi, NotFoundError
from gaiaflow.project import Project
from gaiaflow.testing.result import Part, RunResult, combine
from gaiaflow.testing.run import last_line

# Told of each change: the task (or its part), its new state, a detail.
Progress = Callable[[str, str, str], None]
# A new file is read within seconds; past this it is not going to be.
PATIENCE = 60
POLL = 1.0


def connect(project: Project) -> AirflowApi:
    """The running Airflow of a project.

    Raises:
        MissingError: it does not run.
    """
    access = backends.airflow_access(project)
    return AirflowApi(access.url, access.user, access.secret)


def await_dag(api: AirflowApi, name: str, patience: float = PATIENCE) -> None:
    """Wait until Airflow knows the DAG in its present form.

    Raises:
        UsageError: there is no such DAG; the near miss and the list are named.
        GaiaflowError: a file does not import.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            dag = api.dag(name)
        except NotFoundError:
            dag = {}
        if dag and not dag.get("is_stale") and not dag.get("has_import_errors"):
            break
        _raise_import_errors(api, dag)
        if time.monotonic() > deadline:
            known = sorted(api.dag_ids())
            raise UsageError(
                f"Airflow has no DAG `{name}`{near_miss(name, known)}",
                f"there is {', '.join(known) or 'none at all'}",
            )
        time.sleep(POLL)
    if dag.get("is_paused"):
        api.unpause(name)


def _raise_import_errors(api: AirflowApi, dag: Mapping[str, Any]) -> None:
    errors = api.import_errors()
    if dag.get("relative_fileloc"):
        errors = {f: e for f, e in errors.items() if f.endswith(str(dag["relative_fileloc"]))} or errors
    if errors:
        said = "; ".join(f"`{file}` does not import: {last_line(text)}" for file, text in errors.items())
        raise GaiaflowError(said, "mend the file and repeat; Airflow reads it again within seconds")


def follow(api: AirflowApi, dag: str, run: str, wait: float, progress: Progress) -> str:
    """Wait for the end of a run; its state.

    Raises:
        StillStartingError: it did not end in time; it goes on.
    """
    deadline = time.monotonic() + wait
    seen: dict[str, str] = {}
    while True:
        state = api.run_state(dag, run)
        for ti in api.instances(dag, run):
            name = ti["task_id"] if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]"
            if ti["state"] and seen.get(name) != ti["state"]:
                seen[name] = ti["state"]
                progress(
                    name, ti["state"], f"{ti['duration']:.1f} s" if ti["end_date"] and ti["duration"] else ""
                )
        if state in FINISHED:
            return state
        if time.monotonic() > deadline:
            raise StillStartingError(
                f"run `{run}` of `{dag}` has not ended after {wait:.0f} s; it goes on", api.url
            )
        time.sleep(POLL)


def collect(api: AirflowApi, dag: str, run: str, state: str) -> RunResult:
    """The run with its values and errors."""
    parts: dict[str, list[Part]] = {}
    for ti in api.instances(dag, run):
        parts.setdefault(ti["task_id"], []).append(api.part(dag, run, ti))
    tasks = api.tasks(dag)
    return RunResult(
        dag,
        state,
        {t["task_id"]: combine(parts.get(t["task_id"], []), bool(t.get("is_mapped"))) for t in tasks},
        {t["task_id"]: sorted(t["downstream_task_ids"]) for t in tasks},
    )


def mlflow_address(project: Project, result: RunResult) -> str | None:
    """Where the MLflow run that a task returned as ``run_id`` is seen; None without one."""
    values = [task.value for task in result.tasks.values() if isinstance(task.value, dict)]
    run_id = next((str(value["run_id"]) for value in reversed(values) if value.get("run_id")), None)
    backend = backends.current(project)
    if run_id is None or backend is None:
        return None
    base = backend.endpoints().url("mlflow")
    query = urllib.parse.urlencode({"run_id": run_id})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}/api/2.0/mlflow/runs/get?{query}", timeout=10) as response:
            experiment = json.loads(response.read())["run"]["info"]["experiment_id"]
    except (OSError, ValueError, KeyError):
        return None
    return f"{base}/#/experiments/{experiment}/runs/{run_id}"
