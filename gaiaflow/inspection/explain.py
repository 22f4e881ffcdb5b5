"""What each task of a DAG would be in a mode, its container or pod whole; no engine, no cluster, no run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gaiaflow import datafolder, podversion
from gaiaflow.dags.when import When, read_when
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.inspection import concrete, structure
from gaiaflow.inspection.environment import secret_values
from gaiaflow.inspection.ignored import ignored
from gaiaflow.inspection.masking import mask
from gaiaflow.inspection.rendered import render
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project
from gaiaflow.spec import TaskSpec
from gaiaflow.testing.render import context_of, pod_of
from gaiaflow.testing.run import check_when, in_mode, load_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

Made = list[tuple[TaskSpec, Any]]


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """The DAG in each of the modes asked for; None stands for the current mode.

    With ``when``, the options of a run, FromRun has its values in place of words.
    """
    found, when = [], read_when(**(request.get("when") or {}))
    for mode in request["modes"]:
        with in_mode(mode), recorded() as made:
            dag = load_dag(project, request["dag"])
            check_when(dag, when)
            chosen = [find_task(dag, request["task"])] if request.get("task") else dag.topological_sort()
            tasks = {task.task_id: explain(dag, task, made, when) for task in chosen}
            found.append({"dag": dag.dag_id, "mode": resolve_mode(mode).value, "tasks": tasks})
    return {"explained": found}


@contextmanager
def recorded() -> Iterator[Made]:
    """The tasks that create_task makes meanwhile, each with its spec."""
    from gaiaflow.operators.mapping import listeners

    made: Made = []

    def keep(spec: TaskSpec, task: Any) -> None:
        made.append((spec, task))

    listeners.append(keep)
    try:
        yield made
    finally:
        listeners.remove(keep)


def find_task(dag: DAG, name: str) -> Any:
    """A task of a DAG.

    Raises:
        UsageError: there is none of that name.
    """
    if dag.has_task(name):
        return dag.get_task(name)
    known = sorted(dag.task_ids)
    leaf = next((f" (did you mean `{t}`?)" for t in known if t.rpartition(".")[2] == name), "")
    raise UsageError(
        f"DAG `{dag.dag_id}` has no task `{name}`{leaf or near_miss(name, known)}",
        f"it has {', '.join(known) or 'none at all'}",
    )


def explain(dag: DAG, task: Any, made: Made, when: When) -> dict[str, Any]:
    """One task; an operator not made by gaiaflow is only named."""
    spec = next((spec for spec, other in made if other is task), None)
    head = {"mode": structure.mode_of(task), "operator": structure.kind_of(task)}
    if spec is None:
        return {**head, "note": "not made by create_task: Airflow runs it as it is"}
    operator = concrete.plain(task, concrete.example(task))
    context = context_of(dag, operator, {}, when)
    told = context if when else None
    operator.func_args = concrete.unresolved(operator.func_args, told)
    operator.func_kwargs = concrete.unresolved(operator.func_kwargs, told)
    if hasattr(operator, "map_over"):
        operator.map_over = concrete.unresolved_map(operator.map_over, told)
    shown = {
        **head,
        "runs_as": _airflows(type(operator)),
        "function": spec.func_path,
        "mapped_over": {key: _mapped(values) for key, values in spec.map_over.items()},
        "secrets": spec.secrets,
        "data": datafolder.told(spec.data, spec.mode),
        "retries": spec.operator_kwargs.get("retries"),
        **(rendered := render(operator, context)),
        **_fits(rendered["spec"]),
        "ignored": ignored(spec),
    }
    masked: dict[str, Any] = mask(shown | {"secrets": []}, secret_values(spec.secrets))
    return masked | {"secrets": spec.secrets}


def _airflows(kind: type) -> str:
    """The name of Airflow's own operator below ours."""
    return next(each.__name__ for each in kind.__mro__ if not each.__module__.startswith("gaiaflow."))


def _fits(rendered: Any) -> dict[str, str]:
    """The versions of Kubernetes that know every field of a pod; nothing for what is no pod."""
    found = isinstance(rendered, Mapping) and rendered.get("kind") in ("Pod", "Job")
    return {"kubernetes": str(podversion.fit(pod_of(rendered)["spec"]))} if found else {}


def _mapped(values: Any) -> str:
    if hasattr(values, "resolve"):
        return str(values) if hasattr(values, "task") else concrete.words(values)
    return f"{len(values)} values"
