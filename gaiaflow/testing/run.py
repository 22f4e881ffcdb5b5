"""Runs one DAG in this process, in one mode, without a scheduler or a service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaiaflow import envvar
from gaiaflow.dags.brokenfile import explained, naming
from gaiaflow.dags.conf import misfit, refuse_unknown
from gaiaflow.dags.when import When, read_when, refuse_outside
from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project
from gaiaflow.result import Part, RunResult, combine
from gaiaflow.testing import minors, place, taskapi

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Told of each task: its id, a word (``started``, ``success``, ``failed``), and a detail.
Progress = Callable[[str, str, str], None]
SEE_LOG = "no error was handed over; see the log"


def quiet(_task: str, _state: str, _detail: str) -> None:
    """Progress that nobody reads."""


def run_dag(
    name: str,
    mode: str | None = None,
    conf: Mapping[str, Any] | None = None,
    *,
    project: Project | None = None,
    retries: int = 0,
    progress: Progress = quiet,
    home: Path | None = None,
    with_stack: bool = True,
    date: str = "",
    interval: str = "",
    partition: str = "",
) -> RunResult:
    """Run a DAG of a project from its first task to its last.

    Args:
        name: the id of the DAG.
        mode: where its functions run; by default as the DAG and ``GAIAFLOW_MODE`` say.
        conf: overrides the DAG's params.
        project: by default that of the current folder.
        retries: how often a failed task is tried again, without a delay; by default not at all.
        progress: told of each task: its id, a word such as ``started``, and a detail.
        home: AIRFLOW_HOME; by default ``.gaiaflow/test``.
        with_stack: functions use the MLflow and S3 of the running stack, if it is running.
        date: the run's logical date, ``2024-05-01``; by default it has none, as a run started by hand.
        interval: its data interval, ``2024-05-01..2024-05-02``; by default as the DAG's timetable says.
        partition: its partition key.

    Raises:
        UsageError: there is no such DAG, a value of conf does not fit its params, a date is none, or the DAG
            has not begun or has ended by then.
        GaiaflowError: a DAG file does not import.
    """
    project, when = project or Project.find(), read_when(date, interval, partition)
    place.enter(project, home, with_stack)
    with in_mode(mode):
        dag = load_dag(project, name)
        check_conf(dag, conf)
        check_when(dag, when)
        errors: dict[tuple[str, int], str] = {}
        for task in dag.tasks:
            _watch(task, retries, errors, progress)
        _refuse_missing_python(dag)
        run = _test(dag, dict(conf or {}), when)
        return _collect(dag, run, errors)


@contextmanager
def in_mode(mode: str | None) -> Iterator[None]:
    """Hold ``GAIAFLOW_MODE`` while a DAG file is read and run."""
    before = os.environ.get(envvar.MODE)
    if mode is not None:
        os.environ[envvar.MODE] = resolve_mode(mode).value
    try:
        yield
    finally:
        os.environ.pop(envvar.MODE, None)
        if before is not None:
            os.environ[envvar.MODE] = before


def load_dags(project: Project, name: str = "") -> tuple[dict[str, DAG], dict[str, str]]:
    """All DAGs of a project, read afresh, and the errors of files that do not import.

    Args:
        name: the id of a DAG: where one file alone mentions it, no other file is read.
    """
    if not project.dags.is_dir():
        raise MissingError(f"no folder `{project.dags}`", f"mkdir {project.dags}")
    files = naming(project, name) if name else []
    if len(files) == 1:
        dags, errors = _read(project, project.dags / files[0])
        if name in dags or errors:
            return dags, errors
    return _read(project, project.dags)


def _read(project: Project, place: Path) -> tuple[dict[str, DAG], dict[str, str]]:
    """The DAGs of a file or a folder."""
    _forget_modules(project.dags)
    bag = minors.dag_bag()(place, bundle_path=project.dags)
    return dict(bag.dags), {relative(project, file): text for file, text in bag.import_errors.items()}


def load_dag(project: Project, name: str) -> DAG:
    """One DAG of a project, read afresh in the current mode.

    Args:
        project: the project of the DAG; `gaiaflow.project.Project.find()` is that of the current folder.
        name: the id of the DAG.

    Raises:
        UsageError: there is no such DAG.
        GaiaflowError: the DAG file does not import.
    """
    dags, errors = load_dags(project, name)
    if name in dags:
        return dags[name]
    holders = {str(path) for path in naming(project, name)}
    mistyped = not holders and near_miss(name, sorted(dags))
    stopped = {file: text for file, text in errors.items() if not holders or file in holders}
    if stopped and not mistyped:
        raise GaiaflowError(f"no DAG `{name}`, and {explained(project, stopped)}", "fix the file and repeat")
    known = sorted(dags)
    raise UsageError(
        f"no DAG `{name}` in {project.dags}{near_miss(name, known)}",
        f"there is {', '.join(known) or 'none at all'}",
    )


def relative(project: Project, file: str) -> str:
    """A file as it lies in the folder of DAGs."""
    path = Path(file)
    return str(path.relative_to(project.dags)) if path.is_relative_to(project.dags) else str(path)


def _forget_modules(folder: Path) -> None:
    """Let what DAG files import from beside them be read again, too."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and folder in Path(file).parents:
            del sys.modules[name]


def check_conf(dag: DAG, conf: Mapping[str, Any] | None) -> None:
    """Refuse a param that the DAG does not have, and a value that does not fit.

    Raises:
        UsageError: its message names the param.
    """
    refuse_unknown(dag.dag_id, conf or {}, list(dag.params))
    for name, value in (conf or {}).items():
        _check_value(dag, name, value)


def _check_value(dag: DAG, name: str, value: Any) -> None:
    try:
        dag.params.get_param(name).resolve(value)
    except Exception as error:  # noqa: BLE001 - Airflow raises an error of its own for each schema
        raise misfit(dag.dag_id, name, str(error)) from None


def check_when(dag: DAG, when: When) -> None:
    """Refuse a date that the DAG does not run for, and a partition that it does not have.

    Raises:
        UsageError: its message names the limit.
    """
    refuse_outside(dag.dag_id, when, dag.start_date, dag.end_date)
    if when.partition and not minors.has_partitions():
        raise UsageError("`--partition` needs Airflow 3.2 or newer", "leave it out")
    if when.partition and not minors.takes_partition(dag):
        raise UsageError(
            f"DAG `{dag.dag_id}` has no partitions, so `--partition` cannot be used",
            "schedule=CronPartitionTimetable(...), PartitionedAssetTimetable(...) or PartitionedAtRuntime()",
        )
    try:
        minors.partition_date(dag, when.partition)
    except ValueError as error:
        raise UsageError(f"`--partition` does not fit DAG `{dag.dag_id}`: {error}", "") from None


def _refuse_missing_python(dag: DAG) -> None:
    python = os.environ[envvar.PYTHON]
    runs_here = any(getattr(task, "python", None) == python for task in dag.tasks)
    if runs_here and not Path(python).is_file():
        raise MissingError(
            f"no Python at `{python}`: the project's environment does not exist yet", "inv dev.start"
        )


def _watch(task: Any, retries: int, errors: dict[tuple[str, int], str], progress: Progress) -> None:
    """Make a task fail at once, keep its error and tell its progress; the author's callbacks stay."""

    def started(context: Mapping[str, Any]) -> None:
        progress(label(context["ti"]), "started", "")

    def failed(context: Mapping[str, Any]) -> None:
        ti, error = context["ti"], context.get("exception")
        errors[ti.task_id, ti.map_index] = describe(error) if error is not None else SEE_LOG
        progress(label(ti), "failed", errors[ti.task_id, ti.map_index])

    def succeeded(context: Mapping[str, Any]) -> None:
        progress(label(context["ti"]), "success", "")

    added = {"on_execute_callback": started, "on_failure_callback": failed, "on_success_callback": succeeded}
    for name, callback in added.items():
        before = _get(task, name)
        authors = before if isinstance(before, (list, tuple)) else [before] if before else []
        _set(task, name, [callback, *authors])
    _set(task, "retries", retries)
    _set(task, "retry_delay", timedelta(0))


def _get(task: Any, name: str) -> Any:
    return task.partial_kwargs.get(name) if hasattr(task, "partial_kwargs") else getattr(task, name, None)


def _set(task: Any, name: str, value: Any) -> None:
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs[name] = value
    else:
        setattr(task, name, value)


def label(ti: Any) -> str:
    """``task`` or ``task[2]``."""
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"


def describe(error: BaseException) -> str:
    """The last line of an error: ours as it is, another's with its type."""
    if isinstance(error, GaiaflowError):
        return error.message
    return f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"


def _test(dag: DAG, conf: dict[str, Any], when: When) -> Any:
    date = {} if when.date is None else {"logical_date": when.date}
    try:
        with minors.errors_in_context(), minors.run_of(when), taskapi.newest_alone():
            return dag.test(run_conf=conf, **date)
    except GaiaflowError:
        raise
    except Exception as error:  # Airflow's own words for what it cannot serialise or schedule
        raise GaiaflowError(f"DAG `{dag.dag_id}` does not start: {describe(error)}") from error


def _collect(dag: DAG, run: Any, errors: Mapping[tuple[str, int], str]) -> RunResult:
    from airflow.utils.session import create_session

    from gaiaflow.operators.internals import returned_values

    with create_session() as session:
        instances = run.get_task_instances(session=session)
        values = returned_values(run, session)
    parts: dict[str, list[Part]] = {}
    for ti in instances:
        spot = (ti.task_id, ti.map_index)
        state = str(ti.state or "none")
        error = errors.get(spot, SEE_LOG) if state == "failed" else None
        part = Part(ti.map_index, state, values.get(spot), round(ti.duration or 0.0, 3), error)
        parts.setdefault(ti.task_id, []).append(part)
    order = [task.task_id for task in dag.topological_sort()]
    tasks = {name: combine(parts.get(name, []), _is_mapped(dag.get_task(name))) for name in order}
    return RunResult(dag.dag_id, str(run.state), tasks, edges(dag), minors.asset_events(run))


def _is_mapped(task: Any) -> bool:
    return bool(getattr(task, "is_mapped", False)) or any(True for _ in task.iter_mapped_task_groups())


def edges(dag: DAG) -> dict[str, list[str]]:
    """Each task's downstream tasks."""
    return {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
