"""The DAGs of a project as plain data: files, tasks, modes, groups, dependencies, import errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gaiaflow.inspection.taking import takes_run
from gaiaflow.project import Project
from gaiaflow.testing import minors
from gaiaflow.testing.run import in_mode, load_dag, load_dags, relative

if TYPE_CHECKING:
    from airflow.sdk import DAG

MODES = {
    "DevOperator": "dev",
    "DevJobOperator": "dev",
    "DevDockerOperator": "dev_docker",
    "DevDockerJobOperator": "dev_docker",
}


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """All DAGs and the files that do not import; with ``dag`` that one alone."""
    with in_mode(request.get("mode")):
        if name := request.get("dag"):
            return {"dags": [describe(project, load_dag(project, name))], "errors": {}}
        return described(project, *load_dags(project))


def described(project: Project, dags: Mapping[str, DAG], errors: Mapping[str, str]) -> dict[str, Any]:
    """What was read, as plain data."""
    return {
        "dags": [describe(project, dags[name]) for name in sorted(dags)],
        "errors": dict(sorted(errors.items())),
    }


def describe(project: Project, dag: DAG) -> dict[str, Any]:
    """One DAG; its tasks from the first to the last."""
    schedule = dag.schedule
    return {
        "dag": dag.dag_id,
        "file": relative(project, dag.fileloc),
        "schedule": None if schedule is None else str(schedule),
        "timed": minors.is_timed(dag),
        "tags": sorted(dag.tags or ()),
        "tasks": [_task(task) for task in dag.topological_sort()],
        "groups": list(_groups(dag.task_group)),
    }


def _task(task: Any) -> dict[str, Any]:
    group = getattr(task, "task_group", None)
    return {
        "task": task.task_id,
        "group": group.group_id if group is not None and group.group_id else None,
        "mode": mode_of(task),
        "operator": kind_of(task),
        "function": argument(task, "func_path"),
        "call": _call(task),
        "mapped": is_mapped(task),
        "takes_run": takes_run(task, kind_of(task)),
        "downstream": sorted(task.downstream_task_ids),
    }


def _call(task: Any) -> dict[str, Any] | None:
    """How a function is called: how many positional arguments, which keyword ones; None for other operators."""
    if argument(task, "func_path") is None:
        return None
    args, kwargs = (_value(argument(task, name)) for name in ("func_args", "func_kwargs"))
    axes = argument(task, "axes") if hasattr(task, "partial_kwargs") else _value(argument(task, "map_over"))
    return {"args": len(args or ()), "kwargs": sorted({*(kwargs or ()), *(axes or ())})}


def _value(arguments: Any) -> Any:
    return getattr(arguments, "value", arguments)


def _groups(group: Any) -> Iterator[dict[str, Any]]:
    for child in group.children.values():
        if hasattr(child, "children"):
            yield {
                "group": child.group_id,
                "label": child.label,
                "parent": group.group_id or None,
                "mapped": type(child).__name__ == "MappedTaskGroup",
            }
            yield from _groups(child)


def argument(task: Any, name: str) -> Any:
    """What an operator was made with; None where it has no such argument."""
    return task.partial_kwargs.get(name) if hasattr(task, "partial_kwargs") else getattr(task, name, None)


def kind_of(task: Any) -> str:
    """The name of the operator's class, also of a mapped one."""
    kind = task.operator_class if hasattr(task, "partial_kwargs") else type(task)
    return str(getattr(kind, "__name__", kind))


def mode_of(task: Any) -> str | None:
    """Where create_task put a task; None for an operator not made by gaiaflow."""
    if argument(task, "func_path") is None:
        return None
    return MODES.get(kind_of(task)) or argument(task, "mode")


def is_mapped(task: Any) -> bool:
    """Whether a task or a group around it is mapped."""
    return hasattr(task, "partial_kwargs") or any(True for _ in task.iter_mapped_task_groups())
