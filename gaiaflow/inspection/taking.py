"""Whether a task takes anything of its run: a date, an id, an asset's extra."""

from __future__ import annotations

from typing import Any

from gaiaflow.fromrun import FromRun
from gaiaflow.operators.call import replace_references

_NOTHING = "EmptyOperator"


def takes_run(task: Any, kind: str) -> bool:
    """Whether it takes anything of its run; an operator not made by gaiaflow may, as it gets the context.

    Args:
        kind: the name of the operator's class.
    """
    given = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    if given.get("func_path") is None:
        return kind != _NOTHING
    mapped = getattr(getattr(task, "expand_input", None), "value", None)
    arguments = (given.get(name) for name in ("func_args", "func_kwargs", "map_over"))
    return any(_has_from_run(value) for value in (*arguments, mapped))


def _has_from_run(value: Any) -> bool:
    found: list[Any] = []
    replace_references(getattr(value, "value", value), found.append)
    return any(isinstance(each, FromRun) and each.param is None for each in found)
