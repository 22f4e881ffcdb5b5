"""The value of another task as an argument. Importing this module imports only the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow.errors import GaiaflowError, UsageError, final, near_miss


@dataclass(frozen=True)
class FromTask:
    """The value that another task returned, as an argument; anywhere in func_args and func_kwargs, even nested.

    Args:
        task: the id of the task; in a TaskGroup ``group.task``.
        key: picks one value of the dict that the task returned; without it, the function gets the whole value.
            From a mapped task it picks one value of each result.

    It also creates the dependency; you do not need ``>>``.
    """

    task: str
    key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", getattr(self.task, "task_id", self.task))
        if not (self.task and isinstance(self.task, str)):
            raise UsageError(f"FromTask needs the id of a task, not {self.task!r}", 'FromTask("preprocess")')

    def __str__(self) -> str:
        return f"FromTask({self.task}, {self.key})" if self.key else f"FromTask({self.task})"

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value at run time; Airflow calls this.

        Raises:
            GaiaflowError: the task did not return a dict, or one without the key.
        """
        from gaiaflow.operators.final import task_errors
        from gaiaflow.operators.pull import pull

        value, mapped = pull(context, self.task)
        if self.key is None:
            return value
        with task_errors():
            return [self._pick(item) for item in value] if mapped else self._pick(value)

    def _pick(self, value: Any) -> Any:
        return pick(self, f"task `{self.task}` returned", value, str(self.key))


def pick(reference: Any, source: str, value: Any, key: str) -> Any:
    """What the key of a reference picks.

    Args:
        source: who gave the value, as the errors begin: ``task `load` returned``.

    Raises:
        GaiaflowError: the value is not a dict, or has no such key.
    """
    if not isinstance(value, Mapping):
        raise final(
            GaiaflowError(
                f"{reference} needs a key, but {source} a {type(value).__name__}",
                "return a dict there, or leave `key` out",
            )
        )
    if key not in value:
        raise final(
            GaiaflowError(
                f"{reference}: {source} no `{key}`{near_miss(key, list(value))}",
                f"there is {', '.join(map(str, value)) or 'an empty dict'}",
            )
        )
    return value[key]
