"""The variables with which a shell on this machine reaches the stack, on whichever backend it runs."""

from __future__ import annotations

from gaiaflow.endpoints import Vantage
from gaiaflow.errors import MissingError
from gaiaflow.project import Project
from gaiaflow.stack.services import store
from gaiaflow.stack.services.backend import Backend


def shell_environment(project: Project, backend: Backend | None) -> dict[str, str]:
    """Addresses and keys for programs on the host.

    Raises:
        MissingError: the stack was never started.
    """
    if backend is None:
        raise MissingError("the stack of this project was never started", "inv dev.start")
    endpoints = backend.endpoints()
    return {
        **endpoints.task_environment(Vantage.HOST),
        **store.variables(project, bool(endpoints.store)),
        "AIRFLOW_URL": endpoints.url("airflow"),
        "JUPYTER_URL": endpoints.url("jupyter"),
        "GAIAFLOW_PROJECT": str(project.root),
    }
