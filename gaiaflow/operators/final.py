"""The way out of a task for its errors: Airflow does not retry what no other attempt can heal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from gaiaflow.errors import FINAL_NOTE, GaiaflowError


class FinalError(GaiaflowError, AirflowFailException):  # type: ignore[misc]
    """What Airflow does not retry, whatever `retries` says."""

    is_final = True

    def __str__(self) -> str:
        return f"{super().__str__()}\n{FINAL_NOTE}"


@contextmanager
def task_errors() -> Iterator[None]:
    """Turn a final error into one that Airflow does not retry.

    Raises:
        FinalError: another attempt would fail in the same way.
        GaiaflowError: another attempt may succeed.
    """
    try:
        yield
    except FinalError:
        raise
    except GaiaflowError as error:
        if not error.is_final:
            raise
        raise FinalError(error.message, error.hint) from None
