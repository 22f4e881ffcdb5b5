"""The whole texts of errors: why the doctor asks from no container."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from gaiaflow.doctor import container
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import PORTS
from gaiaflow.project import Project
from gaiaflow.stack.services import hostnetwork, keys
from gaiaflow.stack.services.program import Stack
from tests.error_case import Case, hold, text_of


def _no_image(_: str) -> None:
    raise ImageNotFound("no")


EMPTY: Any = SimpleNamespace(
    containers=SimpleNamespace(list=lambda **_: []), images=SimpleNamespace(get=_no_image)
)


def started(project: Project) -> Place:
    """What the start of an embedded stack leaves, which answers by now."""
    ports = {name: port.port for name, port in PORTS.items()}
    hostnetwork.write(Stack(project, ports, [], keys.load(project)))
    return Place(project)


CASES = [
    Case(
        lambda p: container._in_network(Place(p), EMPTY),
        3,
        "no MLflow runs in a container: nothing was asked",
        "inv dev.start",
    ),
    Case(lambda p: container._beside(Place(p), EMPTY), 3, "no MLflow runs: nothing was asked", "inv dev.start"),
    Case(
        lambda p: container._beside(started(p), EMPTY),
        3,
        "the project has no image to ask from",
        "inv dev.dockerize",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    monkeypatch.setattr(container.health, "answers", lambda *_: True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
