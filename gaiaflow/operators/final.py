"""The way out of a task for its errors: Airflow does not retry what no other attempt can fix, and shows no
frame of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from gaiaflow.errors import FINAL_NOTE, GaiaflowError, MissingError, TaskFailedError, UsageError


class FinalError(GaiaflowError, AirflowFailException):  # type: ignore[misc]
    """What Airflow does not retry, whatever `retries` says."""

    is_final = True

    def __str__(self) -> str:
        return f"{super().__str__()}\n{FINAL_NOTE}"


@contextmanager
def task_errors(operator: Any = None) -> Iterator[None]:
    """Let an error out as the function's: without frames, and final for Airflow where it is.

    Raises:
        FinalError: another attempt would fail in the same way.
        GaiaflowError: another attempt may succeed.
        AirflowTaskTimeout: the task ran longer than its `execution_timeout`; Airflow's text names a process.
    """
    _note(operator, "")
    try:
        yield
    except AirflowTaskTimeout as error:
        hide_frames()
        allowed = getattr(operator, "execution_timeout", None)
        if allowed is not None:
            seconds = f"{allowed.total_seconds():g} s"
            error.args = (f"`{operator.func_path}` did not end within {seconds}, its `execution_timeout`",)
        _note(operator, str(error))
        raise
    except GaiaflowError as error:
        hide_frames()
        _note(operator, error.message)
        if isinstance(error, FinalError) or not error.is_final:
            raise
        # Under the name that it has in the catalogue of errors.
        named = type(type(error).__name__, (FinalError, type(error)), {})
        raise named(error.message, error.hint) from None


def _note(operator: Any, error: str) -> None:
    """Keep how an attempt ended, for the link to the docs."""
    if operator is not None:
        operator.ended_with = error


def hide_frames() -> None:
    """Have Airflow's log of this task show our errors alone: the function's own traceback stands above.

    Airflow has no setting for it, and its frames come in after the error left us: the log itself drops them.
    """
    processors = structlog.get_config()["processors"]
    if isinstance(processors, list) and _drop_frames not in processors:
        processors.insert(len(processors) - 1, _drop_frames)  # the last one writes


def _drop_frames(_logger: Any, _method: str, event: Any) -> Any:
    errors = event.get("exception")
    for error in errors if isinstance(errors, list) else ():
        if error.get("exc_type") in _OURS:
            error["frames"] = []
    return event


_OURS = {
    kind.__name__ for kind in (GaiaflowError, MissingError, TaskFailedError, UsageError, AirflowTaskTimeout)
}
