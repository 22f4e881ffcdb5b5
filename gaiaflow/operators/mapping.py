"""Makes one task of a spec, or a mapped one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gaiaflow.errors import UsageError
from gaiaflow.fromtask import FromTask
from gaiaflow.operators.call import AXES, check_reference
from gaiaflow.operators.doc import doc_of
from gaiaflow.spec import TaskSpec

# Told of each task with the spec that it was made from; `inv dag.explain` listens.
listeners: list[Callable[[TaskSpec, Any], None]] = []


def make(operator: Any, spec: TaskSpec, own: Mapping[str, Any]) -> Any:
    """The operator, or its MappedOperator when the spec maps over something.

    Args:
        operator: the class.
        own: what this class alone takes.
    """
    common = _common(spec, own)
    if not spec.map_over:
        return _told(spec, operator(**common))
    axes = {axis: _values(spec, values) for axis, values in zip(AXES, spec.map_over.values(), strict=False)}
    return _told(spec, operator.partial(**common, axes=tuple(spec.map_over)).expand(**axes))


def make_one(operator: Any, spec: TaskSpec, own: Mapping[str, Any]) -> Any:
    """The operator that makes all calls of a map itself."""
    return _told(spec, operator(**_common(spec, own), map_over=spec.map_over))


def _told(spec: TaskSpec, task: Any) -> Any:
    for tell in listeners:
        tell(spec, task)
    return task


def _common(spec: TaskSpec, own: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task_id": spec.task_id,
        "func_path": spec.func_path,
        "func_args": spec.func_args,
        "func_kwargs": spec.func_kwargs,
        "dag": spec.dag,
        **_shown(spec),
        **own,
        **spec.operator_kwargs,
    }


def _shown(spec: TaskSpec) -> dict[str, str]:
    """What the UI says of the task, unless its author says something."""
    said = {"doc", "doc_md", "doc_json", "doc_yaml", "doc_rst"} & set(spec.operator_kwargs)
    return {} if said else {"doc_md": doc_of(spec.func_path)}


def _values(spec: TaskSpec, values: Any) -> Any:
    if not isinstance(values, FromTask):
        return values
    if spec.dag is None:
        raise UsageError("map_over with FromTask needs the DAG", "create the task inside `with DAG(...)`")
    check_reference(spec.dag, spec.task_id, values.task)
    return spec.dag.get_task(values.task).output
