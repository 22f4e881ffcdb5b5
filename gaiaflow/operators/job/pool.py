"""All calls of a map in a pool inside one task, where there is no cluster: the values and limits of one Job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

from gaiaflow import runner
from gaiaflow.errors import GaiaflowError, TaskFailedError, final
from gaiaflow.operators.job.calls import CallsMixin, failed_calls
from gaiaflow.operators.job.indexedlog import IndexedLog
from gaiaflow.operators.job.kept import Kept
from gaiaflow.operators.lineage import log_address

# Where a task is in a mapped group, its calls are numbered after those of all others.
_MOST_CALLS = 1_000_000


class PoolMixin(CallsMixin):
    """An operator whose calls run beside each other; mixed in before the operator of one.

    Each call is made by a copy of the operator, with a process or a container of its own.
    """

    at_once: int
    log: Any
    do_xcom_push: bool
    mlflow: Any
    # Of a copy: the call that it makes.
    _call: str | None = None

    def _execute(self, context: Mapping[str, Any]) -> Any:
        if self._call is not None:
            return super()._execute(context)  # type: ignore[misc]
        calls = self.encode_calls(context)
        log_address(self.log, *self.mlflow())
        kept = Kept.of(context["ti"], calls)
        failures = self._make_calls(context, calls, kept)
        if failures:
            kept.write()
            raise failed_calls(failures, len(calls))
        kept.forget()
        return self.hand_over(context, kept.values(len(calls))) if self.do_xcom_push else None

    def _make_calls(self, context: Mapping[str, Any], calls: list[str], kept: Kept) -> dict[int, GaiaflowError]:
        """Make the calls that no earlier attempt has made, and keep their values; the errors of the others."""
        todo = [index for index in range(len(calls)) if index not in kept.results]
        if len(todo) < len(calls):
            self.log.info("%d of %d calls succeeded in an earlier attempt", len(calls) - len(todo), len(calls))
        failures: dict[int, GaiaflowError] = {}
        copies = {index: self._copy(index, calls[index]) for index in todo}
        with ThreadPoolExecutor(max(1, min(self.at_once, len(todo), os.cpu_count() or 1))) as pool:
            futures = {pool.submit(_run, copies[index], context, index): index for index in todo}
            try:
                for future in as_completed(futures):
                    _sort(futures[future], future, kept, failures)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for copy in copies.values():
                    copy.on_kill()
                raise
        return failures

    def _copy(self, index: int, call: str) -> Any:
        """The operator of one call, past Airflow's own ``__init__``."""
        one = object.__new__(type(self))
        vars(one).update({name: value for name, value in vars(self).items() if name not in ("hook", "cli")})
        vars(one).update(_call=call, _log=IndexedLog(self.log, index))
        return one

    def encode_call(self, context: Mapping[str, Any], *picked: Any) -> str:
        """The call of this copy, or one of all calls."""
        return super().encode_call(context, *picked) if self._call is None else self._call

    def hand_over(self, context: Mapping[str, Any], value: Any) -> Any:
        """Hand over the list alone: a value in it is no extra of an asset's event."""
        return super().hand_over(context, value) if self._call is None else value


class IndexedInstance:
    """A task instance as one call sees it, with an index of its own."""

    def __init__(self, ti: Any, index: int) -> None:
        outer = -1 if ti.map_index is None else int(ti.map_index)
        self._ti, self.map_index = ti, (outer + 1) * _MOST_CALLS + index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)


def _run(operator: Any, context: Mapping[str, Any], index: int) -> str:
    """The value of one call as JSON, not larger than that of one in a pod of a Job."""
    value = operator._execute({**context, "ti": IndexedInstance(context["ti"], index)})  # noqa: SLF001
    text = runner.encode(operator.func_path, value)
    limit = runner.LARGEST_MESSAGE - len(runner.MESSAGE)
    if len(text) > limit:
        said = f"{operator.func_path} returned {len(text)} bytes: a small result has at most {limit}"
        raise final(TaskFailedError(said))
    return text


def _sort(index: int, future: Future[str], kept: Kept, failures: dict[int, GaiaflowError]) -> None:
    try:
        kept.results[index] = future.result()
    except GaiaflowError as error:
        failures[index] = error
