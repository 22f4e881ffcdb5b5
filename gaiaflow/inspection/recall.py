"""The call of one task as it was in a run, and where to make it again: in dev, in the project's environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gaiaflow import datafolder, envvar
from gaiaflow.dags.when import of_run
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.inspection import concrete, structure
from gaiaflow.inspection.explain import find_task
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.result import same
from gaiaflow.testing.render import PastRun, run_of
from gaiaflow.testing.run import in_mode, load_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG


_ARGUMENTS = ("func_args", "func_kwargs")


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """The call as the runner takes it, the interpreter, the environment and the folder.

    ``index`` is that of the call where the task makes all calls of its map, else null.
    The request has ``dag``, ``task``, ``map_index``, ``call``, ``conf``, ``values``, what the tasks before it
    returned, ``run``, what it was about, and ``arguments``, as Airflow kept them, or null. Airflow sorts the
    keys of dicts, so the arguments are rebuilt from the values; where the DAG file gives others by now
    (``changed``), those that were kept count. With ``moved`` the run is given another date, and what was kept
    does not count.
    """
    from gaiaflow.operators.environment import local_environment, working_folder

    with in_mode(Mode.DEV.value):
        dag = load_dag(project, request["dag"])
        task = find_task(dag, request["task"])
        call, changed, index = _call(dag, task, request)
    secrets = structure.argument(task, "secrets") or structure.argument(task, "secret_names") or []
    data = structure.argument(task, "data") or []
    return {
        "call": call,
        "index": index,
        "changed": changed,
        "python": os.environ[envvar.PYTHON],
        "environment": local_environment(list(secrets)) | datafolder.of_task(data, Mode.DEV),
        "folder": working_folder(),
    }


def _call(dag: DAG, task: Any, request: Mapping[str, Any]) -> tuple[dict[str, Any], bool, int | None]:
    if structure.argument(task, "func_path") is None:
        kind = structure.kind_of(task)
        raise UsageError(
            f"task `{task.task_id}` is of {kind}, not made by create_task", f"inv dag.test {dag.dag_id}"
        )
    ti = _Past(dag, task, request.get("values") or {}, request["map_index"], request.get("run") or {})
    run = run_of(dag, ti.run_id, of_run(request.get("run") or {}), _events(request.get("run") or {}))
    context = {"dag": dag, "task": task, "ti": ti, "run_id": ti.run_id, "dag_run": run}
    context["params"] = _params(dag, task, request["conf"])
    kept, operator = request.get("arguments"), concrete.plain(task, concrete.example(task))
    if request.get("moved"):
        kept = None
    try:
        operator = _operator(task, context)
        rebuilt = {name: _resolved(getattr(operator, name), context) for name in _ARGUMENTS}
    except Exception:
        if not kept:
            raise
        rebuilt = None
    changed = bool(kept) and not same(kept, rebuilt)
    used = kept if kept and changed else rebuilt or {}
    operator.func_args, operator.func_kwargs = used["func_args"], used["func_kwargs"]
    if hasattr(operator, "encode_calls"):
        operator.map_over = _resolved(operator.map_over, context)
        calls = operator.encode_calls(context)
        index = _chosen(task, calls, request.get("call"))
        return dict(json.loads(calls[index])), changed, index
    return dict(json.loads(operator.encode_call(context))), changed, None


def _chosen(task: Any, calls: Sequence[str], index: int | None) -> int:
    """Which call of a task that makes several.

    Raises:
        UsageError: none was chosen, or there is none of that index.
    """
    if index is None and len(calls) > 1:
        raise UsageError(f"task `{task.task_id}` makes {len(calls)} calls", "--map-index 0")
    if index is not None and index >= len(calls):
        raise UsageError(f"no map index {index}", f"the run has 0 to {len(calls) - 1}")
    return index or 0


def _operator(task: Any, context: Mapping[str, Any]) -> Any:
    """The operator, of a mapped task that of the map index, with the arguments that the DAG file gives."""
    lists = {name: _resolve(given, context) for name, given in concrete.axes(task).items()}
    return concrete.plain(task, concrete.pick(lists, context["ti"].map_index) if lists else {})


def _events(run: Mapping[str, Any]) -> list[Any]:
    """The asset events that started a run, as Airflow's context has them."""
    return [
        SimpleNamespace(asset=SimpleNamespace(name=e["name"]), extra=e["extra"], timestamp=e["timestamp"])
        for e in run.get("asset_events") or ()
    ]


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

    def __init__(
        self, dag: DAG, task: Any, values: Mapping[str, Any], map_index: int, run: Mapping[str, Any]
    ) -> None:
        super().__init__(dag, task, {})
        self.values, self.map_index = values, map_index
        self.run_id, self.try_number = run.get("run_id", self.run_id), run.get("try_number", self.try_number)

    def value(self, task_id: str) -> Any:
        if task_id not in self.values:
            raise GaiaflowError(
                f"the run has no value of task `{task_id}`, which `{self.task_id}` needs",
                "choose a run in which it succeeded",
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
