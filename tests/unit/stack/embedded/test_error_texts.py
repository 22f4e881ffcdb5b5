"""The whole texts of the errors of the stack as processes."""

from __future__ import annotations

import xmlrpc.client
from types import SimpleNamespace
from typing import cast

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import wait
from gaiaflow.project import Project
from gaiaflow.stack.embedded import embedded
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.embedded.supervisor import ProcessState, Supervisor
from gaiaflow.stack.services.program import Program, Stack
from tests.error_case import Case, hold, text_of


def started(project: Project) -> object:
    made = Supervisor(project.home)
    made.make_folders()
    return made.start(Program("mlflow", ["mlflow"], {}, project.root))


CASES = [
    Case(started, 1, "`mlflow` cannot start: BAD_NAME: mlflow", ""),
    Case(
        lambda p: Supervisor(p.home)._await_pid(p.root / "nobody.sock"),
        1,
        "supervisord did not answer within 20 s",
        "read {root}/.gaiaflow/logs/supervisord.log",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    def refuse(name: str, _: bool) -> None:
        raise xmlrpc.client.Fault(10, f"BAD_NAME: {name}")

    clock = iter(range(0, 10_000, 15))
    passing = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None)
    monkeypatch.setattr(Supervisor, "_call", lambda _: SimpleNamespace(startProcess=refuse))
    monkeypatch.setattr(wait, "time", passing)
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_process_that_ends_at_start(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = {"mlflow": ProcessState("mlflow", "EXITED", 0, "")}
    monkeypatch.setattr(Supervisor, "states", lambda _: dead)
    monkeypatch.setattr(Embedded, "_stop", lambda *_: [])
    monkeypatch.setattr(embedded.ports, "is_free", lambda *_: True)
    stack = Embedded(project)
    stack._begun = ["mlflow"]
    stack.supervisor.make_folders()
    stack.supervisor.log("mlflow").write_text("no space left\n")
    ports = {name: port.port for name, port in PORTS.items()}
    told = Case(
        lambda _: stack._raise_if_dead(cast(Stack, SimpleNamespace(ports=ports)), {"mlflow": 1}),
        1,
        "`mlflow` exited during startup; what this command started is stopped. Its last lines:\nno space left",
        "inv dev.logs --service mlflow",
    )
    hold(told, project)
