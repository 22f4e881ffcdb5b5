"""The call of one task as it was in a run, and where to make it again: in dev, in the project's environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gaiaflow import envvar
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.inspection import concrete, structure
from gaiaflow.inspection.explain import find_task
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.result import same
from gaiaflow.testing.render import PastRun
from gaiaflow.testing.run import in_mode, load_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """The call as the runner takes it, the interpreter, the environment and the folder.

    The request has ``dag``, ``task``, ``map_index``, ``conf``, ``values``, what the tasks before it returned,
    and ``arguments``, as Airflow kept them, or null. Airflow sorts the keys of dicts, so the arguments are
    rebuilt from the values; where the DAG file gives others by now (``changed``), those that were kept count.
    """
    from gaiaflow.operators.environment import local_environment, working_folder

    with in_mode(Mode.DEV.value):
        dag = load_dag(project, request["dag"])
        task = find_task(dag, request["task"])
        call, changed = _call(dag, task, request)
    secrets = structure.argument(task, "secrets") or structure.argument(task, "secret_names") or []
    return {
        "call": call,
        "changed": changed,
        "python": os.environ[envvar.PYTHON],
        "environment": local_environment(list(secrets)),
        "folder": working_folder(),
    }


def _call(dag: DAG, task: Any, request: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    if structure.argument(task, "func_path") is None:
        kind = structure.kind_of(task)
        raise UsageError(
            f"task `{task.task_id}` is of {kind}, not made by create_task", f"inv dag.test {dag.dag_id}"
        )
    ti = _Past(dag, task, request.get("values") or {}, request["map_index"])
    context = {"dag": dag, "task": task, "ti": ti, "run_id": ti.run_id}
    kept, operator = request.get("arguments"), concrete.plain(task, concrete.example(task))
    try:
        rebuilt = _rebuilt(task, context)
    except Exception:
        if not kept:
            raise
        rebuilt = None
    changed = bool(kept) and not same(kept, rebuilt)
    used = kept if kept and changed else rebuilt or {}
    operator.func_args, operator.func_kwargs = used["func_args"], used["func_kwargs"]
    made = operator.encode_call(context | {"params": _params(dag, task, request["conf"])})
    return dict(json.loads(made)), changed


def _rebuilt(task: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the DAG file and the values of the run give."""
    lists = {name: _resolve(given, context) for name, given in concrete.axes(task).items()}
    element = concrete.pick(lists, context["ti"].map_index) if lists else {}
    operator = concrete.plain(task, element)
    return {name: _resolved(getattr(operator, name), context) for name in ("func_args", "func_kwargs")}


def _resolved(arguments: Any, context: Mapping[str, Any]) -> Any:
    from gaiaflow.operators.call import replace_references

    return replace_references(arguments.value, lambda reference: _resolve(reference, context))


def _resolve(reference: Any, context: Mapping[str, Any]) -> Any:
    if not hasattr(reference, "resolve"):
        return reference
    operator = getattr(reference, "operator", None)
    if operator is not None and operator.is_mapped:  # Airflow would ask its server for each value
        return context["ti"].value(operator.task_id)
    return reference.resolve(context)


def _params(dag: DAG, task: Any, conf: Mapping[str, Any]) -> dict[str, Any]:
    from airflow.sdk.definitions.param import process_params

    found: dict[str, Any] = process_params(dag, task, dict(conf), suppress_exception=False)
    return found


class _Past(PastRun):
    """The running task of a run that is over: it answers from the values that the run left."""

    def __init__(self, dag: DAG, task: Any, values: Mapping[str, Any], map_index: int) -> None:
        super().__init__(dag, task, {})
        self.values, self.map_index = values, map_index

    def value(self, task_id: str) -> Any:
        if task_id not in self.values:
            raise GaiaflowError(
                f"the run has no value of task `{task_id}`, which `{self.task_id}` takes",
                "choose a run in which it ended well",
            )
        return self.values[task_id]

    def xcom_pull(
        self, task_ids: Any = None, key: str = "return_value", map_indexes: Any = None, **_: Any
    ) -> Any:
        name = task_ids if isinstance(task_ids, str) else task_ids[0]
        value = self.value(name)
        value = value[map_indexes] if isinstance(map_indexes, int) else value
        return value if key == "return_value" else value[key]

    def get_ti_count(self, *, task_ids: list[str], **_: Any) -> int:
        return len(self.value(task_ids[0]))

    def get_relevant_upstream_map_indexes(self, upstream: Any, **_: Any) -> int | None:
        """In a mapped group a task takes the value of its own round."""
        own, other = (one.get_closest_mapped_task_group() for one in (self.task, upstream))
        return self.map_index if own is not None and own is other else None
