"""Where a project's stack is and how a person gets into it, whatever backend runs it."""

from __future__ import annotations

from gaiaflow import envvar
from gaiaflow.endpoints import Endpoints, Vantage
from gaiaflow.errors import MissingError
from gaiaflow.infra.host import ports
from gaiaflow.project import Project
from gaiaflow.stack.services import keys, state, store
from gaiaflow.stack.services.backend import Backend, Credential


def endpoints(project: Project) -> Endpoints:
    """The addresses of the stack, running or as it last ran; before its first start those it would take."""
    return Endpoints(state.read(project).ports or ports.wanted(project, {}), store=store.outside(project))


def credentials(project: Project) -> list[Credential]:
    """Address, user and password of each service."""
    made, place, where = keys.load(project), keys.place(project), endpoints(project)
    rows = [
        ("mlflow", "", ""),
        ("airflow", keys.USER, made.airflow_password),
        ("jupyter", "", made.jupyter_token),
    ]
    others = [Credential(name, where.url(name), user, secret, place) for name, user, secret in rows]
    return [*store.credentials(project, where.url("s3"), where.url("s3-console"), place), *others]


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
        envvar.PROJECT: str(project.root),
    }
