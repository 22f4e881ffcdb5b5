"""All calls of a map, made by one task: their arguments in order, and the error of those that failed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from gaiaflow.errors import GaiaflowError, TaskFailedError, final
from gaiaflow.fromrun import FromRun
from gaiaflow.operators.call import LARGEST_CALL, Arguments, CallMixin, size

# How many failed calls an error names.
MOST_TOLD = 3
FIELD = "map_over"


class CallsMixin(CallMixin):
    """An operator that makes several calls; mixed in before the operator of one.

    Attributes:
        fans_out: its value is the list of all values, in the order of the calls.
        map_over: the lists by keyword argument; the last one varies fastest.
    """

    fans_out = True
    map_over: Any
    _origins: dict[str, dict[int, str]]

    def set_map(self, map_over: Any) -> None:
        """Keep the map; call it after `set_call`."""
        dag = self.dag if self.has_dag() else None  # type: ignore[attr-defined]
        given = map_over if isinstance(map_over, Arguments) else Arguments(dict(map_over), dag)
        origins = {key: _origins(values) for key, values in given.value.items()}
        vars(self).update(map_over=given, _origins=origins)

    def encode_calls(self, context: Mapping[str, Any]) -> list[str]:
        """Each call as JSON, in order, after Airflow has resolved the arguments.

        Raises:
            AirflowSkipException: a list is empty, as of a mapped task.
            GaiaflowError: an argument is no list or not JSON, or the calls are too large together.
        """
        lists = {key: self._elements(key, values) for key, values in dict(self.map_over).items()}
        calls = [self.encode_call(context, *picked) for picked in self._picked(lists)]
        if not calls:
            raise AirflowSkipException(f"task `{self.task_id}` maps over an empty list")
        self._refuse_large_calls(calls)
        return calls

    def _picked(self, lists: Mapping[str, Sequence[Any]]) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        """The arguments of each call, and those of them that tell of the run."""
        for places in itertools.product(*(range(len(values)) for values in lists.values())):
            at = dict(zip(lists, places, strict=True))
            origins = {
                key: self._origins[key][place] for key, place in at.items() if place in self._origins[key]
            }
            yield {key: lists[key][place] for key, place in at.items()}, origins

    def _elements(self, key: str, values: Any) -> list[Any]:
        if isinstance(values, Mapping):  # Airflow maps over its items
            return [list(item) for item in values.items()]
        if isinstance(values, Sequence) and not isinstance(values, str):
            return list(values)
        raise final(
            GaiaflowError(
                f"task `{self.task_id}` maps `{key}` over a {type(values).__name__}, not a list",
                "return a list in the task that it comes from",
            )
        )

    def _refuse_large_calls(self, calls: Sequence[str]) -> None:
        count, total = len(calls), sum(map(size, calls))
        kib = -(-total // 1024)  # rounded up: what is refused is more than the limit
        if total > LARGEST_CALL:
            raise final(
                GaiaflowError(
                    f"the {count} calls of task `{self.task_id}` have {kib} KiB: "
                    f"one Job takes at most {LARGEST_CALL // 1024} KiB",
                    "write the values to S3 or MLflow and pass their addresses, or leave `fan_out` out",
                )
            )


def failed_calls(failures: Mapping[int, GaiaflowError], total: int) -> GaiaflowError:
    """The error of a task of which some calls failed; final where no other attempt can fix any of them."""
    errors = [failures[index] for index in sorted(failures)]
    if len({error.message for error in errors}) == 1 and not isinstance(errors[0], TaskFailedError):
        return errors[0]  # what all calls lack: an image, an environment
    told = "; ".join(f"[{index}] {failures[index].message}" for index in sorted(failures)[:MOST_TOLD])
    more = f"; and {len(failures) - MOST_TOLD} more" if len(failures) > MOST_TOLD else ""
    error = TaskFailedError(f"{len(failures)} of {total} calls failed: {told}{more}", errors[0].hint)
    return final(error) if all(each.is_final for each in errors) else error


def _origins(values: Any) -> dict[int, str]:
    """Which elements of a list are a FromRun, and of what."""
    if not isinstance(values, (list, tuple)):
        return {}
    return {place: value.name for place, value in enumerate(values) if isinstance(value, FromRun)}
