"""What the kit finds in another place, or must add, in each minor of Airflow that it supports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def dag_bag() -> Any:
    """The class that reads DAG files."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag
    return DagBag


def dag_serializer() -> Any:
    """The class that makes of a DAG what the database keeps."""
    from airflow.serialization import serialized_objects

    return getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG


def hands_over_errors() -> bool:
    """Whether ``dag.test`` gives callbacks the ``exception``, as a scheduled run does: from 3.3 on."""
    from airflow import __version__

    major, minor = __version__.split(".")[:2]
    return (int(major), int(minor)) >= (3, 3)


@contextmanager
def errors_in_context() -> Iterator[None]:
    """Give callbacks of ``dag.test`` the ``exception`` where Airflow leaves it out."""
    if hands_over_errors():
        yield
        return
    from airflow.sdk.execution_time import task_runner

    original = task_runner.finalize

    def finalize(ti: Any, state: Any, context: Any, log: Any, error: BaseException | None = None) -> None:
        context["exception"] = error
        original(ti, state, context, log, error)

    task_runner.finalize = finalize
    try:
        yield
    finally:
        task_runner.finalize = original
