"""What a DAG author gave to create_task: refused with the name of the argument and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gaiaflow import datafolder
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.fromrun import FromRun
from gaiaflow.fromtask import FromTask
from gaiaflow.modes import Mode

if TYPE_CHECKING:
    from gaiaflow.spec import TaskSpec

_FUNC_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_AXES = 4


def func_path(func_path: str) -> str:
    if not isinstance(func_path, str) or not _FUNC_PATH.fullmatch(func_path):
        near = ""
        if isinstance(func_path, str) and ":" not in func_path and "." in func_path:
            near = f" (did you mean `{':'.join(func_path.rsplit('.', 1))}`?)"
        raise UsageError(
            f"func_path `{func_path}` is not `package.module:function`{near}", '"my_package.train:train"'
        )
    return func_path


def arguments(name: str, value: Any, dag: Any) -> Any:
    from gaiaflow.operators.call import Arguments

    arguments = Arguments(value, dag)
    if problem := arguments.problem(name):
        raise UsageError(
            f"{problem}: it cannot be passed as JSON",
            "pass str, int, finite float, bool, None, lists and dicts of them",
        )
    return arguments


def text(name: str, value: str | None) -> str | None:
    if value is not None and (not isinstance(value, str) or value.split() != [value]):
        raise UsageError(f"`{name}` is {value!r}, not a name", f'{name}="my-project/my_package:0.1.0"')
    return value


def names(name: str, value: Sequence[str] | None) -> list[str]:
    if isinstance(value, str) or not all(isinstance(item, str) and item for item in value or ()):
        raise UsageError(f"`{name}` is {value!r}, not a list of names", f'{name}=["my-secret"]')
    return list(value or ())


def data(value: Sequence[str] | None, mode: Mode) -> list[str]:
    """The names of folders, each once, that are declared and that the mode has."""
    if isinstance(value, str) or not all(isinstance(item, str) for item in value or ()):
        raise UsageError(f"`data` is {value!r}, not a list of names", 'data=["tiles"]')
    found = list(dict.fromkeys(value or ()))
    datafolder.chosen(found, mode, parsing=True)
    return found


def variables(value: Mapping[str, Any] | None) -> dict[str, str]:
    for key, item in (value or {}).items():
        if not isinstance(key, str) or not _VARIABLE.fullmatch(key):
            raise UsageError(
                f"env_vars has the name {key!r}, which is not a valid variable name", "letters, digits and _"
            )
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise UsageError(f"env_vars[{key!r}] is a {type(item).__name__}, not text", f'{{"{key}": "text"}}')
    return {key: str(item) for key, item in (value or {}).items()}


def mapped(map_over: Mapping[str, Any] | None, func_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    if map_over is None:
        return {}
    if not map_over or len(map_over) > MOST_AXES:
        raise UsageError(
            f"map_over has {len(map_over)} keys, not 1 to {MOST_AXES}", 'map_over={"tile": [1, 2, 3]}'
        )
    for key, values in map_over.items():
        if key in (func_kwargs or {}):
            raise UsageError(f"`{key}` is in func_kwargs and in map_over", "leave it out of func_kwargs")
        _axis(key, values)
    return dict(map_over)


def _axis(key: str, values: Any) -> None:
    if isinstance(values, FromTask) and values.key:
        raise UsageError(
            f"map_over[{key!r}] picks `{values.key}`: Airflow maps over a whole result",
            f"return the list itself from `{values.task}` and use FromTask({values.task!r})",
        )
    if isinstance(values, FromRun):
        raise UsageError(
            f"map_over[{key!r}] is {values}: Airflow maps over a list in the file or over a task's result",
            f"write a task that takes {values} and returns the list; a list may contain FromRun",
        )
    if not isinstance(values, (list, tuple)) and not hasattr(values, "resolve"):
        raise UsageError(
            f"map_over[{key!r}] is a {type(values).__name__}, not a list",
            "pass a list, or FromTask of a task that returns one",
        )
    arguments(f"map_over[{key!r}]", values, None)


def keys(spec: TaskSpec) -> None:
    """Refuse a key that the upstream function's annotation rules out."""
    for reference in (*spec.func_args.references, *spec.func_kwargs.references):
        if isinstance(reference, FromTask) and reference.key and spec.dag and spec.dag.has_task(reference.task):
            upstream = spec.dag.get_task(reference.task)
            if func_path := getattr(upstream, "func_path", None):
                _key(reference, func_path)


def run_values(spec: TaskSpec) -> None:
    """Refuse a FromRun of a param or an asset that the DAG does not have."""
    if spec.dag is None:
        return
    mapped = [
        item for values in spec.map_over.values() for item in arguments("map_over", values, None).references
    ]
    for reference in (*spec.func_args.references, *spec.func_kwargs.references, *mapped):
        if isinstance(reference, FromRun) and reference.param is not None:
            _param(reference, spec)
        if isinstance(reference, FromRun) and reference.asset is not None:
            _asset(reference, spec)


def _param(reference: FromRun, spec: TaskSpec) -> None:
    defaults = (spec.dag.default_args or {}).get("params")
    known = sorted({*spec.dag.params, *(defaults or ()), *(spec.operator_kwargs.get("params") or ())})
    if reference.param not in known:
        raise UsageError(
            f"{reference}: the DAG has no param `{reference.param}`{near_miss(str(reference.param), known)}",
            f"it has {', '.join(known)}" if known else 'it has none; declare it: DAG(..., params={"name": 1})',
        )


def _asset(reference: FromRun, spec: TaskSpec) -> None:
    from gaiaflow.operators.asset import schedule_of

    known = schedule_of(spec.dag)
    if known is not None and reference.asset not in known:
        raise UsageError(
            f"{reference}: no asset `{reference.asset}` starts the DAG{near_miss(str(reference.asset), known)}",
            f"its schedule has {', '.join(known)}",
        )


def _key(reference: FromTask, func_path: str) -> None:
    from gaiaflow.returns import returned_keys

    keys = returned_keys(func_path)
    if keys is None or reference.key in keys:
        return
    if not keys:
        raise UsageError(
            f"{reference} picks a key, but `{func_path}` is not annotated to return a dict", "leave `key` out"
        )
    raise UsageError(
        f"{reference}: `{func_path}` returns no `{reference.key}`{near_miss(str(reference.key), sorted(keys))}",
        f"its annotation has {', '.join(sorted(keys))}",
    )
