"""The API server that ``dag.test`` asks inside the process, with the newest version of the API alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def newest_alone() -> Iterator[None]:
    """Have ``dag.test`` use one API server without the older versions, which nobody in the process asks for.

    By itself Airflow builds each route again for each of nine versions, and before 3.3 once more for each task.
    """
    from airflow.sdk.execution_time import supervisor

    original = supervisor.in_process_api_server
    supervisor.in_process_api_server = server
    try:
        yield
    finally:
        supervisor.in_process_api_server = original


@cache
def server() -> Any:
    """Airflow's API server for tasks in this process; other servers of the process keep all versions."""
    from airflow.api_fastapi.execution_api import versions
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from cadwyn import HeadVersion, Version, VersionBundle

    every, api = versions.bundle, InProcessExecutionAPI()
    versions.bundle = VersionBundle(HeadVersion(), Version(every.versions[0].value))
    try:
        _leave_out_older(api.app._latest_version_router)  # noqa: SLF001 - its routes are copied at the first request
    finally:
        versions.bundle = every
    return api


def _leave_out_older(router: Any) -> None:
    """Remove the routes that only older versions have: Cadwyn refuses those that no version restores."""
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    router.routes = [route for route in router.routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())]
