"""The whole texts of the errors of choosing a backend."""

from __future__ import annotations

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import state
from gaiaflow.stack.services.backend import ServiceStatus
from tests.error_case import Case, hold, text_of


def lost_state(project: Project) -> object:
    privatefile.write(privatefile.folder(project.home) / "state.json", "{")
    return backends.choose(project, "auto")


PLACE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


def began(project: Project, backend: str) -> Project:
    privatefile.folder(project.home)
    state.write(project, state.Remembered(backend, {name: port.port for name, port in PORTS.items()}))
    return project


CASES = [
    Case(
        lost_state,
        1,
        "the stack runs, but `{root}/.gaiaflow/state.json` cannot be read: it is truncated or was changed",
        "inv dev.stop, then inv dev.start; no data is lost",
    ),
    Case(
        lambda p: backends.choose(p, "dokcer"),
        2,
        "unknown backend `dokcer` (did you mean `docker`?)",
        "one of auto, embedded, docker",
    ),
    Case(
        lambda p: backends.choose(began(p, "embedded"), "docker"),
        2,
        "the stack runs on the backend `embedded`",
        "inv dev.stop",
    ),
    Case(
        backends.model_registry,
        3,
        "no registry of models: MLflow is not running",
        "inv dev.start --service mlflow",
    ),
    Case(backends.airflow_access, 3, "Airflow is not running", "inv dev.start"),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    running = [ServiceStatus("mlflow", "running", PLACE)]
    monkeypatch.setattr(Embedded, "status", lambda _: running)
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_stack_that_would_leave_its_data(project: Project) -> None:
    (project.home / "data" / "mlflow").mkdir(parents=True)
    state.write(project, state.Remembered("embedded"))
    told = Case(
        lambda p: backends.check_stays(p, backends.BACKENDS["docker"](p)),
        2,
        "the project has its data on the backend `embedded`",
        "inv dev.start --backend docker, which asks first",
    )
    hold(told, project)
