"""How the DAGs and tasks of a project went on its running stack; nothing where none runs."""

from __future__ import annotations

from typing import Any

from gaiaflow.dags import run as dagrun
from gaiaflow.dags.api import AirflowApi, NotFoundError
from gaiaflow.dags.declared import by_file
from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.project import Project
from gaiaflow.result import worst

LATEST = "latest"


def running(project: Project) -> AirflowApi | None:
    """The running Airflow, or None."""
    try:
        api = dagrun.connect(project)
        api.request("GET", "version")
    except GaiaflowError:
        return None
    return api


def overview(project: Project) -> dict[str, dict[str, Any]]:
    """Of each DAG the state of its last run, when the next one begins, and whether it is paused.

    The next run is ISO 8601 text; None where the DAG has no schedule of times, or is paused.
    """
    api = running(project)
    if api is None:
        return {}
    last = {run["dag_id"]: run["state"] for run in reversed(api.runs("~"))}
    return {dag["dag_id"]: _standing(dag, last.get(dag["dag_id"])) for dag in api.dags()}


def _standing(dag: dict[str, Any], last: str | None) -> dict[str, Any]:
    paused = bool(dag.get("is_paused"))
    return {
        "last_run": last,
        "next_run": None if paused else dag.get("next_dagrun_run_after"),
        "paused": paused,
    }


def importable(project: Project) -> list[str]:
    """The ids of the DAGs that the files name, without those of files that Airflow could not import."""
    api = running(project)
    broken = set(api.import_errors()) if api else set()
    files = {file: each.ids for file, each in by_file(project).items() if file not in broken}
    return sorted(name for ids in files.values() for name in ids)


def find_run(api: AirflowApi, dag: str, run: str) -> dict[str, Any]:
    """A run of a DAG; ``latest`` is the one that began last.

    Raises:
        UsageError: there is none of that id, or no such DAG.
        MissingError: the DAG has not run yet.
    """
    try:
        runs = api.runs(dag)
    except NotFoundError:
        known = sorted(api.dag_ids())
        raise UsageError(
            f"Airflow has no DAG `{dag}`{near_miss(dag, known)}",
            f"there is {', '.join(known) or 'none at all'}",
        ) from None
    if not runs:
        raise MissingError(f"DAG `{dag}` has not run yet", f"inv dag.run {dag}")
    found = runs[0] if run == LATEST else next((r for r in runs if r["dag_run_id"] == run), None)
    found = found or _earlier(api, dag, run)
    if found is None:
        known = [str(r["dag_run_id"]) for r in runs]
        raise UsageError(
            f"DAG `{dag}` has no run `{run}`{near_miss(run, known)}", f"the last are {', '.join(known[:5])}"
        )
    return found


def _earlier(api: AirflowApi, dag: str, run: str) -> dict[str, Any] | None:
    """A run that is none of the last ones."""
    try:
        return api.run(dag, run)
    except NotFoundError:
        return None


def task_states(api: AirflowApi, dag: str, run: str) -> dict[str, dict[str, Any]]:
    """State and seconds of each task of a run; of a mapped task the worst state, the sum, and how many."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for instance in api.instances(dag, run):
        parts.setdefault(instance["task_id"], []).append(instance)
    return {
        task: {
            "state": worst([str(part["state"] or "none") for part in found]),
            "seconds": round(sum(part["duration"] or 0.0 for part in found), 3),
            "parts": len([part for part in found if part["map_index"] >= 0]),
        }
        for task, found in parts.items()
    }
