"""What the tasks of a DAG would be in prod: their pods, with the arguments that another run's values give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gaiaflow.dags.when import UNDATED, When
from gaiaflow.errors import GaiaflowError
from gaiaflow.result import RunResult, TaskResult
from gaiaflow.runner import CALL
from gaiaflow.testing import minors
from gaiaflow.testing.schema import problems

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Where no service account's file names one.
NAMESPACE = "default"


class PastRun:
    """Stands for the running task of a run whose values are known: answers what FromTask and the pod ask.

    FromRun asks the context, see `context_of`.
    """

    try_number = 1
    run_id = "manual__2026-01-01T00:00:00+00:00"
    map_index = -1

    def __init__(self, dag: DAG, task: Any, results: Mapping[str, TaskResult]) -> None:
        self.dag_id, self.task_id, self.task = dag.dag_id, task.task_id, task
        self._results = results

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:  # noqa: ARG002
        if isinstance(task_ids, str):
            return self._results[task_ids].value
        (name,) = task_ids
        return self._results[name].value

    def get_ti_count(self, *, task_ids: list[str], **_: Any) -> int:
        return len(self._results[task_ids[0]].value)


def context_of(dag: DAG, task: Any, results: Mapping[str, TaskResult], when: When = UNDATED) -> dict[str, Any]:
    """As much of Airflow's context as a pod and its arguments need.

    Args:
        when: the date, interval and partition of the run.
    """
    ti = PastRun(dag, task, results)
    return {
        "dag": dag,
        "task": task,
        "ti": ti,
        "run_id": ti.run_id,
        "dag_run": run_of(dag, ti.run_id, when),
        "params": dag.params.dump(),
    }


def run_of(dag: DAG, run_id: str, when: When, events: Iterable[Any] = ()) -> SimpleNamespace:
    """A run as Airflow's context has it; where only its date is known, the timetable says its interval.

    Args:
        events: the asset events that started it.
    """
    interval = when.interval or (minors.interval_of(dag, when.date) if when.date else (None, None))
    return SimpleNamespace(
        run_id=run_id,
        logical_date=when.date,
        data_interval_start=interval[0],
        data_interval_end=interval[1],
        partition_key=when.partition,
        consumed_asset_events=list(events),
        conf={},
    )


def check_rendered(first: DAG, result: RunResult, rendered: DAG, when: When = UNDATED) -> dict[str, list[str]]:
    """What is wrong with the pods of a DAG, by task.

    Args:
        first: the DAG in the mode that ran.
        result: how it ran there.
        rendered: the same DAG in the mode that is rendered.
        when: the date of that run.
    """
    return {
        task.task_id: _check(first.get_task(task.task_id), result, task, when)
        for task in rendered.topological_sort()
    }


def _check(before: Any, result: RunResult, task: Any, when: When) -> list[str]:
    if any(result.tasks[name].state != "success" for name in task.upstream_task_ids):
        return []  # without its arguments there is no call
    if result.tasks[task.task_id].state == "skipped":
        return []
    try:
        expected = json.loads(_call_of(before, result, when))
        pod, call = _sent(task, result, when)
    except GaiaflowError as error:
        return [] if error.message == result.tasks[task.task_id].error else [error.message]
    given = json.loads(call)
    found = problems(pod)
    if given != expected:
        found.append(f"the pod's call differs: {_different(expected, given)}")
    return found


def _different(expected: Any, given: Any) -> str:
    if isinstance(expected, list):  # the calls of a Job
        expected, given = dict(enumerate(expected)), dict(enumerate(given))
    parts = [key for key in expected if expected[key] != given.get(key)]
    return "; ".join(f"{key} {str(expected[key])[:60]} there, {str(given.get(key))[:60]} here" for key in parts)


def _prepared(task: Any, result: RunResult, when: When) -> tuple[Any, dict[str, Any]]:
    """One operator with its arguments resolved; of a mapped task the first."""
    dag = task.get_dag()
    context = context_of(dag, task, result.tasks, when)
    if hasattr(task, "partial_kwargs"):
        task = _first_of(task, context)
        context = context_of(dag, task, result.tasks, when)
    for name in ("func_args", "func_kwargs", *(["map_over"] if hasattr(task, "map_over") else [])):
        value = getattr(task, name)
        setattr(task, name, value.resolve(context) if hasattr(value, "resolve") else value)
    return task, context


def _first_of(task: Any, context: Mapping[str, Any]) -> Any:
    values = {}
    for name, given in task.expand_input.value.items():
        known = given.resolve(context) if hasattr(given, "resolve") else given
        values[name] = next(iter(known))
    return task.unmap({**task.partial_kwargs, **values})


def _call_of(task: Any, result: RunResult, when: When) -> str:
    operator, context = _prepared(task, result, when)
    if hasattr(operator, "encode_calls"):
        return f"[{','.join(operator.encode_calls(context))}]"
    return str(operator.encode_call(context))


def _sent(task: Any, result: RunResult, when: When) -> tuple[Any, str]:
    """The pod of a task, and the call that it gets, in itself or by a Secret."""
    operator, context = _prepared(task, result, when)
    if not hasattr(operator, "build_pod_request_obj"):
        raise GaiaflowError(f"task `{task.task_id}` is a {type(operator).__name__}, which creates no pod")
    operator.namespace = operator.namespace or NAMESPACE
    operator.hook._is_in_cluster = True  # noqa: SLF001 - else it looks for a cluster to fill in a label
    if hasattr(operator, "request_job"):
        return _sent_job(operator, context)
    pod = operator.build_pod_request_obj(context)
    return pod, operator.large_call or _variable(pod, CALL).replace("$$", "$")


def _sent_job(operator: Any, context: dict[str, Any]) -> tuple[Any, str]:
    """The pod of each call of a Job, and all calls."""
    calls = operator.encode_calls(context)
    job = operator.request_job(operator.request(context), calls, range(len(calls)))
    return pod_of(job), f"[{','.join(calls)}]"


def pod_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A pod as it is sent, or that of each call of a Job."""
    if sent["kind"] != "Job":
        return dict(sent)
    template, name = sent["spec"]["template"], sent["metadata"]["name"]
    named = {"name": f"{name}-0", **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": template["spec"]}


def _variable(pod: Any, name: str) -> str:
    return next(str(v.value) for c in pod.spec.containers for v in c.env or () if v.name == name)
