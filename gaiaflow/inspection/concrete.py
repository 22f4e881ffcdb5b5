"""Makes an operator ready to be looked at or to encode its call: mapped ones made plain, arguments in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaiaflow.errors import UsageError
from gaiaflow.fromrun import DATES, FromRun

FIRST = 0
# What the options of a command say of a run that is not made.
TOLD = (*DATES, "partition_key")


def plain(task: Any, values: Mapping[str, Any]) -> Any:
    """The operator itself, or that of one element of a mapped one.

    Args:
        values: what each axis of the map is filled with.
    """
    return task.unmap({**task.partial_kwargs, **values}) if hasattr(task, "partial_kwargs") else task


def axes(task: Any) -> dict[str, Any]:
    """What a mapped task runs over, by axis: lists, and references not known before a run."""
    return dict(task.expand_input.value) if hasattr(task, "partial_kwargs") else {}


def pick(lists: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The element of each axis at a map index; the last axis runs fastest.

    Raises:
        UsageError: there are fewer combinations.
    """
    total = 1
    for values in lists.values():
        total *= len(values)
    if not 0 <= index < total:
        raise UsageError(f"no map index {index}", f"the run has 0 to {total - 1}" if total else "it is empty")
    found: dict[str, Any] = {}
    for name in reversed(list(lists)):
        index, position = divmod(index, len(lists[name]))
        values = lists[name]
        found[name] = list(values.items())[position] if isinstance(values, Mapping) else values[position]
    return found


def example(task: Any) -> dict[str, Any]:
    """An element of each axis as it is known before a run: the first, or a word for what comes."""
    return {name: _first(values) for name, values in axes(task).items()}


def _first(values: Any) -> Any:
    if hasattr(values, "resolve"):
        return f"one of {words(values)}"
    items = list(values.items()) if isinstance(values, Mapping) else list(values)
    return items[FIRST] if items else None


def unresolved_map(map_over: Any, context: Mapping[str, Any] | None = None) -> dict[str, list[Any]]:
    """The lists of a task that makes all calls of its map, with a word in place of one that comes."""
    return {
        key: [str(values)] if hasattr(values, "resolve") else unresolved(list(values), context)
        for key, values in getattr(map_over, "value", map_over).items()
    }


def words(reference: Any) -> str:
    """A reference as a person reads it: ``FromTask(tiles)``."""
    operators = [operator.task_id for operator, _ in reference.iter_references()]
    return f"FromTask({', '.join(operators)})"


def unresolved(arguments: Any, context: Mapping[str, Any] | None = None) -> Any:
    """Arguments with words in place of what comes from other tasks, and from the run.

    Args:
        context: of a run whose dates are known: what FromRun takes of it is in its place.
    """
    from gaiaflow.operators.call import replace_references

    def known(reference: Any) -> Any:
        told = context is not None and isinstance(reference, FromRun) and reference.name in TOLD
        return reference.resolve(context) if told else str(reference)

    return replace_references(getattr(arguments, "value", arguments), known)
