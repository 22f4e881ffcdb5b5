"""Another engine than this machine's, as minikube's variables name it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from docker.errors import APIError

from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.images import engine, image

NODE = {"DOCKER_HOST": "tcp://192.0.2.1:2376", "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": "/nowhere"}


def test_a_client_of_the_node_takes_its_variables_and_leaves_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def client(**options: Any) -> SimpleNamespace:
        asked.append(options)
        return SimpleNamespace(ping=lambda: None, api=SimpleNamespace(timeout=0))

    monkeypatch.setattr(docker, "DockerClient", client)
    before = dict(os.environ)
    made: Any = engine.connect(600, engine=NODE)
    assert made.api.timeout == 600
    assert asked[0]["base_url"] == "tcp://192.0.2.1:2376"
    assert "tls" not in asked[0]
    assert dict(os.environ) == before


def test_only_the_build_goes_to_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$DOCKER_HOST" > {tmp_path}/seen\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    image.run_build("image `x`", tmp_path, tmp_path / "Dockerfile", ["x:1"], {}, {}, engine=NODE)
    assert (tmp_path / "seen").read_text().strip() == "tcp://192.0.2.1:2376"
    assert "DOCKER_HOST" not in os.environ


def test_asking_for_the_engine_of_a_node_changes_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A progress thread runs beside it, and starts processes with the variables of this one."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    target: Any = SimpleNamespace(profile="p", minikube=SimpleNamespace(docker_env=lambda: NODE))
    assert nodeimage.node_engine(target) == NODE
    assert "DOCKER_HOST" not in os.environ


class Tripping:
    """Containers of an engine that refuses the list so many times."""

    def __init__(self, times: int, says: str) -> None:
        self.left, self.says = times, says

    def list(self, **asked: Any) -> list[str]:
        assert asked == {"ignore_removed": True, "all": True}
        if self.left:
            self.left -= 1
            raise APIError(self.says)
        return ["one"]


@pytest.mark.parametrize(
    ("times", "says", "fails"),
    [
        (2, "rw layer snapshot not found for container 1", False),
        (9, "snapshot not found", True),
        (1, "no", True),
    ],
)
def test_a_list_is_asked_for_again_while_a_container_goes(
    monkeypatch: pytest.MonkeyPatch, times: int, says: str, fails: bool
) -> None:
    monkeypatch.setattr(engine, "_PAUSE", 0)
    client = SimpleNamespace(containers=Tripping(times, says))
    if fails:
        with pytest.raises(APIError, match=says):
            engine.list_containers(client, all=True)
    else:
        assert engine.list_containers(client, all=True) == ["one"]
