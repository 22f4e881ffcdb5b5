"""The variables with which a shell on this machine reaches the stack, on whichever backend it runs."""

from __future__ import annotations

from gaiaflow.endpoints import Vantage
from gaiaflow.errors import MissingError
from gaiaflow.infra.backend import Backend
from gaiaflow.infra.stack import REGION
from gaiaflow.project import Project


def shell_environment(project: Project, backend: Backend | None) -> dict[str, str]:
    """Addresses and keys for programs on the host.

    Raises:
        MissingError: the stack was never started.
    """
    if backend is None:
        raise MissingError("the stack of this project was never started", "inv dev.start")
    endpoints = backend.endpoints()
    found = {c.service: c for c in backend.credentials()}
    return {
        **endpoints.task_environment(Vantage.HOST),
        "AWS_ACCESS_KEY_ID": found["s3"].user,
        "AWS_SECRET_ACCESS_KEY": found["s3"].secret,
        "AWS_DEFAULT_REGION": REGION,
        "AIRFLOW_URL": endpoints.url("airflow"),
        "JUPYTER_URL": endpoints.url("jupyter"),
        "GAIAFLOW_PROJECT": str(project.root),
    }
