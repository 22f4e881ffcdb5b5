"""The dates, the ids and the params of a run as arguments.

Importing this module imports only the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow.errors import UsageError, near_miss
from gaiaflow.fromtask import pick

# Of the run and of the task instance; the first ones are None in a run without a logical date.
DATES = ("logical_date", "data_interval_start", "data_interval_end", "ds")
NAMES = (*DATES, "run_id", "partition_key", "dag_id", "task_id", "try_number", "map_index")
_PARAM = re.compile(r"params\.(?P<name>.+)", re.DOTALL)
_ASSET = re.compile(r"""asset\((?P<quote>["'])(?P<name>.+)(?P=quote)\)""", re.DOTALL)


@dataclass(frozen=True)
class FromRun:
    """A date, an id or a param of the run, as an argument; anywhere in func_args, func_kwargs and map_over.

    Args:
        name: ``logical_date``, ``data_interval_start``, ``data_interval_end``: ISO 8601 text in UTC;
            ``ds``: the logical date as ``2024-05-01``; ``run_id``, ``partition_key``, ``dag_id``, ``task_id``;
            ``try_number``, from 1; ``map_index``, -1 in a task that is not mapped; ``params.NAME``: one of
            the DAG's params; ``asset("NAME")``: the extra of the last event of that asset among those that
            started the run.
        key: picks one value of a param or an extra that is a dict.

    If the parameter has the annotation ``datetime.date`` or ``datetime.datetime``, the function gets such an
    object. If the run does not have the value, the function gets None.

    Raises:
        UsageError: no run has such a name.
    """

    name: str
    key: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not (self.name in NAMES or self.param or self.asset):
            raise UsageError(
                f"FromRun has no `{self.name}`{_meant(self.name)}",
                f'{", ".join(NAMES)}, params.NAME, asset("NAME")',
            )
        if self.key is not None and self.name in NAMES:
            raise UsageError(f"{self} picks a key, but `{self.name}` is not a dict", f'FromRun("{self.name}")')

    def __str__(self) -> str:
        return f"FromRun({self.name}, {self.key})" if self.key else f"FromRun({self.name})"

    @property
    def param(self) -> str | None:
        """The param that is meant, if one is."""
        found = _PARAM.fullmatch(self.name)
        return found["name"] if found else None

    @property
    def asset(self) -> str | None:
        """The asset whose event is meant, if one is."""
        found = _ASSET.fullmatch(self.name)
        return found["name"] if found else None

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value at run time, as JSON; Airflow calls this.

        Raises:
            GaiaflowError: the param or the extra has no such key.
        """
        from gaiaflow.operators.final import task_errors
        from gaiaflow.operators.run_value import value_of_run

        value = value_of_run(context, self)
        if self.key is None or value is None:
            return value
        with task_errors():
            return pick(self, f"`{self.name}` has", value, self.key)


def _meant(name: Any) -> str:
    """The near miss of a name that nothing has."""
    text = str(name)
    for start in ("params", "asset"):
        if text.startswith(start):
            return (
                f" (did you mean `{start}.NAME`?)" if start == "params" else ' (did you mean `asset("NAME")`?)'
            )
    return near_miss(text, list(NAMES))
