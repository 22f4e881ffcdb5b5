"""The whole texts of the errors of the stack in containers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.images import engine as docker
from gaiaflow.project import Project
from gaiaflow.stack.composed import belongings, composition, containers
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.composed.containers import Container
from gaiaflow.stack.services.backend import Holding, StartOptions
from tests.error_case import Case, fail_with, hold, text_of


class Lost:
    """An engine whose networks carry one label, nobody's by default; all of it is in use."""

    def __init__(self, owner: str = "") -> None:
        found = SimpleNamespace(attrs={"Labels": {docker.PROJECT_LABEL: owner}}, remove=self._refuse)
        self.networks = SimpleNamespace(get=lambda _: found)
        self.images = SimpleNamespace(remove=self._refuse)

    def _refuse(self, *_: str) -> None:
        from docker.errors import APIError

        raise APIError("409", explanation="a container uses it")

    def close(self) -> None:
        """Nothing is open."""


LAST_LINES = {
    "mlflow": "no space left",
    "databases": 'password authentication failed for "gaiaflow"',
}


CASES = [
    Case(
        lambda p: belongings.remove(p, [Holding("network", "theirs", None)]),
        1,
        "network `theirs` is not this project's: not removed",
        "",
    ),
    Case(
        lambda p: fail_with(Compose(p)._explained(GaiaflowError("no"), ["mlflow"])),
        1,
        "`mlflow` ended with 3; what this command started is stopped. Its last lines:\nno space left",
        "docker logs demo-mlflow-1",
    ),
    Case(
        lambda p: fail_with(Compose(p)._explained(GaiaflowError("no"), ["databases"])),
        1,
        "the database's volume is from an earlier clone in this folder and has another password; "
        "what this command started is stopped",
        "restore that clone's .gaiaflow/keys.json, or remove its data: inv dev.cleanup",
    ),
    Case(
        lambda p: Compose(p)._extras(StartOptions([], extras=("dev-docker",)), False),
        2,
        "`--with dev-docker` is not known (did you mean `dev_docker`?)",
        "inv dev.start --with dev_docker",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(belongings, "connect", Lost)
    died = [Container(part, f"demo-{part}-1", "exited", "", 3, 0) for part in LAST_LINES]
    monkeypatch.setattr(Compose, "_running_services", lambda _: {"mlflow"})
    monkeypatch.setattr(Compose, "_containers", lambda _: died)
    monkeypatch.setattr(containers, "tail", lambda _, part, lines: [LAST_LINES[part]])
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_project_that_containers_cannot_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "is_other", lambda: True)
    project.root.chmod(0o700)
    with pytest.raises(GaiaflowError) as caught:
        Composition(project, {})._check_readable()
    folder = str(caught.value.message).split("`")[1]
    assert (
        caught.value.message
        == f"`{folder}` is not readable for other users, and the containers do not run as root"
    )
    assert caught.value.hint == f"chmod o+rx {folder}, or start as a user who is not root"


def test_a_network_in_use(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belongings, "connect", lambda: Lost(project.id))
    told = Case(
        lambda p: belongings.remove(p, [Holding("network", "ours", None)]),
        1,
        "cannot remove network `ours`: a container uses it",
        "docker ps --all",
    )
    hold(told, project)
