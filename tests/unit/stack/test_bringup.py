"""`prodlocal.start` looks at the world once, and shows as many phases as it said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.infra.cluster import account, gateway, manifests, network, preflight
from gaiaflow.infra.cluster.minikube import NOTHING, State
from gaiaflow.infra.cluster.preflight import Wanted
from gaiaflow.project import Project
from gaiaflow.stack import backends, bringup
from gaiaflow.stack.bringup import Bringup
from gaiaflow.stack.services.backend import StartOptions

RUNNING = State("Running", "Running", "Running", True)


@dataclass
class Minikube:
    """Counts how often it is asked."""

    known: State
    asked: int = 0

    def state(self) -> State:
        self.asked += 1
        return self.known

    def require(self) -> str:
        return "v1.38.0"

    def start(self, _: Wanted) -> Iterator[Any]:
        self.known = RUNNING
        yield SimpleNamespace(current=1, total=1, message="made")


@dataclass
class Target:
    """A cluster of a profile; connects as the real one does."""

    project: Project
    minikube: Minikube
    made: bool = False
    name = profile = "p"
    context = ""
    namespace = "n"

    def connect(self, state: State | None = None) -> Any:
        assert (state or self.minikube.state()).running
        return SimpleNamespace(name="p", wait_ready=lambda *_: None)

    def keep(self, made: bool = False) -> None:
        self.made = self.made or made


@dataclass
class Backend:
    """A stack of which everything is up, or nothing."""

    up: bool
    started: list[StartOptions] = field(default_factory=list)
    name = "embedded"

    def status(self) -> list[Any]:
        state = "running" if self.up else "stopped"
        return [SimpleNamespace(service=name, state=state) for name in ("s3", "mlflow", "airflow", "jupyter")]

    def phases(self, _: StartOptions) -> int:
        return 2

    def start(self, options: StartOptions, phase: Any) -> None:
        self.started.append(options)
        for name in ("one", "two"):
            with phase(name):
                pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((manifests, "apply"), (account, "write_config"), (preflight, "check")):
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(preflight.Machine, "this", lambda: None)
    monkeypatch.setattr(backends, "current", lambda _: None)
    for module, name in ((gateway, "find"), (network, "join")):
        monkeypatch.setattr(module, name, lambda *_: None)


def run(
    target: Target, backend: Backend, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> tuple[int, list[str]]:
    """How many phases were promised, and those that were shown."""
    monkeypatch.setattr(bringup.backends, "choose", lambda *_: (backend, ""))
    shown: list[str] = []

    @contextmanager
    def phase(name: str) -> Iterator[Any]:
        shown.append(name)
        yield lambda _: None

    start = Bringup(cast(Any, target), Wanted(), **more)
    promised = start.phases
    start.run(phase)
    return promised, shown


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("known", "asked"), [(RUNNING, 1), (NOTHING, 2)])
@pytest.mark.parametrize("up", [True, False])
def test_minikube_is_asked_once_and_once_more_after_a_start(
    project: Project, monkeypatch: pytest.MonkeyPatch, known: State, asked: int, up: bool
) -> None:
    target = Target(project, Minikube(known))
    promised, shown = run(target, Backend(up), monkeypatch)
    assert target.minikube.asked == asked
    assert promised == len(shown) == (4 if up else 6)
    assert target.made is (known is NOTHING)


@pytest.mark.usefixtures("world")
def test_a_stack_that_is_down_starts_for_pods(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(up=False)
    run(Target(project, Minikube(RUNNING)), backend, monkeypatch, wait=7)
    assert [(options.mode, options.wait) for options in backend.started] == [("prod_local", 7)]


@pytest.mark.usefixtures("world")
def test_cluster_only_leaves_the_stack(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(up=False)
    promised, shown = run(Target(project, Minikube(RUNNING)), backend, monkeypatch, cluster_only=True)
    assert (promised, len(shown), backend.started) == (4, 4, [])
