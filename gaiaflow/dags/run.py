"""Runs a DAG on the running stack: waits until Airflow has read it, triggers it, follows it, collects it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from gaiaflow.dags import name as dagid
from gaiaflow.dags.api import FINISHED, AirflowApi, NotFoundError
from gaiaflow.dags.brokenfile import explained, mentioned, naming
from gaiaflow.dags.conf import refuse_unknown, refused
from gaiaflow.dags.declared import declared
from gaiaflow.dags.reading import changed, may_come, read_at
from gaiaflow.dags.when import UNDATED, When, moment, refuse_outside
from gaiaflow.errors import GaiaflowError, MissingError, StillStartingError, UsageError, near_miss
from gaiaflow.infra.host import privatefile
from gaiaflow.models.registry import ModelRegistry
from gaiaflow.project import Project
from gaiaflow.result import Part, RunResult, combine
from gaiaflow.stack import backends
from gaiaflow.stack.services import mode as stackmode

# Told of each change: the task (or its part), its new state, a detail.
Progress = Callable[[str, str, str], None]
# States on the way, which say nothing to a person.
_NOISE = {"scheduled", "queued"}
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


def await_dag(
    api: AirflowApi,
    project: Project,
    name: str,
    patience: float = PATIENCE,
    tell: Callable[[str], None] = lambda _: None,
    unpause: bool = True,
) -> None:
    """Wait until Airflow knows the DAG in its present form: of this file, in this mode.

    Args:
        patience: seconds.
        tell: is given what it waits for, once.
        unpause: a DAG that is paused goes on.

    Raises:
        UsageError: there is no such DAG; the near miss and the list are named.
        GaiaflowError: a file does not import.
        StillStartingError: Airflow has not read the file since it was changed or Airflow was started.
    """
    dagid.checked(name)
    deadline = time.monotonic() + patience
    told = False
    while not _is_current(dag := _dag(api, name), project):
        _raise_import_errors(api, project, name, dag)
        if not told and time.monotonic() < deadline:
            tell(f"waiting until Airflow has read the file of DAG `{name}`")
            told = True
        if not dag:
            _refuse_undeclared(api, project, name)
        if time.monotonic() > deadline or not (dag or may_come(api, project)):
            raise _not_read(api, project, dag, name)
        time.sleep(POLL)
    if unpause and dag.get("is_paused"):
        api.unpause(name)
        if dag.get("timetable_periodic"):
            tell(f"DAG `{name}` was paused: its schedule is active again")


def _refuse_undeclared(api: AirflowApi, project: Project, name: str) -> None:
    """Refuse a DAG that no file can bring, without waiting for Airflow.

    Raises:
        UsageError: the near miss and the list are named.
    """
    read = declared(project)
    mistyped = near_miss(name, sorted(read.ids)) and not mentioned(project, name)
    if name not in read.ids and (read.complete or mistyped):
        raise _unknown(api, project, name)


def _dag(api: AirflowApi, name: str) -> dict[str, Any]:
    try:
        return api.dag(name)
    except NotFoundError:
        return {}


def _is_current(dag: Mapping[str, Any], project: Project) -> bool:
    if not dag or dag.get("is_stale") or dag.get("has_import_errors"):
        return False
    return read_at(dag) >= max(stackmode.kept_began(project), _changed_at(dag, project))


def _changed_at(dag: Mapping[str, Any], project: Project) -> float:
    """When the file was changed; a time ahead of the clock says nothing."""
    return changed(project.dags / str(dag.get("relative_fileloc") or ""))


def _not_read(api: AirflowApi, project: Project, dag: Mapping[str, Any], name: str) -> GaiaflowError:
    if dag:
        return StillStartingError(
            f"Airflow has not read the file of DAG `{name}` since it was changed or Airflow was started",
            "inv dev.logs --service airflow",
        )
    return _unknown(api, project, name)


def _unknown(api: AirflowApi, project: Project, name: str) -> UsageError:
    known = sorted({*api.dag_ids(), *declared(project).ids})
    return UsageError(
        f"Airflow has no DAG `{name}`{near_miss(name, known)}", f"there is {', '.join(known) or 'none at all'}"
    )


def _raise_import_errors(api: AirflowApi, project: Project, name: str, dag: Mapping[str, Any]) -> None:
    errors = {f: e for f, e in api.import_errors().items() if _stops(f, project, name, dag)}
    if errors:
        raise GaiaflowError(
            explained(project, errors), "fix it and repeat; Airflow reads it again within seconds"
        )


def _stops(broken: str, project: Project, name: str, dag: Mapping[str, Any]) -> bool:
    """Whether a DAG waits for a file that does not import: its own, or for a new DAG any that may hold it."""
    if file := dag.get("relative_fileloc"):
        return f"/{broken}".endswith(f"/{file}")
    holders = naming(project, name)
    if not holders:
        return not near_miss(name, sorted(declared(project).ids))
    return any(f"{project.dags / path}".endswith(f"/{broken}") for path in holders)


def trigger(api: AirflowApi, project: Project, name: str, conf: Mapping[str, Any], when: When = UNDATED) -> str:
    """Start a run; its id. One at a time: on SQLite, Airflow holds itself up when two write at one moment.

    Raises:
        UsageError: the DAG has no such param, a value does not fit, or there is a run of that date.
    """
    if conf:
        refuse_unknown(name, conf, list(api.params(name)))
    if when.date:
        details = api.details(name)
        refuse_outside(name, when, moment(details.get("start_date")), moment(details.get("end_date")))
    try:
        return _trigger(api, project, name, conf, when)
    except UsageError as error:
        raise refused(name, conf, error) from None


def _trigger(api: AirflowApi, project: Project, name: str, conf: Mapping[str, Any], when: When) -> str:
    with privatefile.locked(privatefile.folder(project.home) / "trigger.lock"):
        return api.trigger(name, conf, when.as_dict())


def follow(
    api: AirflowApi,
    dag: str,
    run: str,
    wait: float,
    progress: Progress,
    look: Callable[[list[dict[str, Any]]], None] = lambda _: None,
    known: Mapping[str, str] | None = None,
) -> str:
    """Wait for the end of a run; its state.

    Args:
        wait: at most so many seconds.
        look: is given the task instances at each look, for more than their states.
        known: the states, by label, that nobody need be told of.

    Raises:
        StillStartingError: it did not end in time; it goes on.
        MissingError: Airflow answers no more; a pause on a busy machine is waited out.
    """
    deadline = time.monotonic() + wait
    silent_until = time.monotonic() + PATIENCE
    seen = dict(known or {})
    while True:
        try:
            state, instances = api.run_state(dag, run), api.instances(dag, run)
        except MissingError:
            if time.monotonic() > silent_until:
                raise
            state, instances = "", []
        else:
            silent_until = time.monotonic() + PATIENCE
        _tell(instances, seen, progress)
        look(instances)
        if state in FINISHED:
            return state
        if time.monotonic() > deadline:
            raise StillStartingError(
                f"run `{run}` of `{dag}` has not finished after {wait:.0f} s; it continues",
                shlex.join(["inv", "dag.watch", dag, run]),
            )
        time.sleep(POLL)


def _tell(instances: list[dict[str, Any]], seen: dict[str, str], progress: Progress) -> None:
    """What has changed since the last look."""
    for ti in instances:
        name = ti["task_id"] if ti["map_index"] < 0 else f"{ti['task_id']}[{ti['map_index']}]"
        if ti["state"] and seen.get(name) != ti["state"] and ti["state"] not in _NOISE:
            seen[name] = ti["state"]
            progress(name, ti["state"], f"{ti['duration']:.1f} s" if ti["end_date"] and ti["duration"] else "")


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
    try:
        return ModelRegistry(backend.endpoints().url("mlflow")).run_page(run_id)
    except (GaiaflowError, KeyError):
        return None
