"""Why a task waits, in the store that Airflow keeps beside its state, from 3.3 on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.exceptions import AirflowRuntimeError

KEY = "waiting_for_room"


class Note:
    """One line in the task state store; nothing where Airflow has none.

    Args:
        context: of the task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")
        self._written = False

    def write(self, why: str) -> None:
        """Show a reason."""
        self._call("set", KEY, why)
        self._written = True

    def clear(self) -> None:
        """Show none any more."""
        if self._written:
            self._call("delete", KEY)
        self._written = False

    def _call(self, name: str, *values: str) -> None:
        """A store that fails stops no task: the reason is in the log."""
        if self._store is None:
            return
        try:
            getattr(self._store, name)(*values)
        except (AirflowException, AirflowRuntimeError, OSError):
            self._store = None
