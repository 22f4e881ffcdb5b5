"""The doctor's checks of Docker and of images: each when it is well and when it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.doctor import container, docker, image
from gaiaflow.doctor.check import Check
from gaiaflow.doctor.place import Place
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import kind
from gaiaflow.project import Project

GOOD = docker.Facts(
    client=True,
    context="default",
    address="unix:///var/run/docker.sock",
    engine="28.3.3",
    architecture="amd64",
    compose="2.40.0",
    buildx="0.30.1",
    skew=0.0,
)
DOWN = {"engine": "", "trouble": "no Docker engine answers: no such socket"}
GROUP = 'sudo usermod -aG docker "$USER", then log in again; or rootless: dockerd-rootless-setuptool.sh install'
INSTALL = "install it: https://docs.docker.com/engine/install/"
COMPOSE, BUILDX = (
    "https://docs.docker.com/compose/install/linux/",
    "https://github.com/docker/buildx#installing",
)


def told(check: Check) -> tuple[str, str, str]:
    return check.state.value, check.said, check.hint


@pytest.mark.parametrize(
    ("judge", "changes", "expected"),
    [
        (docker.client, {}, ("ok", "`docker` is on PATH", "")),
        (docker.client, {"client": False}, ("failed", "`docker` is not on PATH", INSTALL)),
        (docker.engine, {}, ("ok", "the Docker engine 28.3.3 answers", "")),
        (docker.engine, {"kind": kind.ROOTLESS}, ("ok", "the Docker engine 28.3.3 answers", "")),
        (
            docker.engine,
            {"kind": kind.REMOTE},
            (
                "warning",
                "the stack cannot run in containers of an engine on another machine: "
                "its containers cannot mount the project's folder of this one",
                "inv dev.start --backend embedded",
            ),
        ),
        (
            docker.engine,
            {"engine": "19.03.1"},
            (
                "failed",
                "the Docker engine 19.03.1 is too old: 20.10 or newer",
                "update it: https://docs.docker.com/engine/install/",
            ),
        ),
        (
            docker.engine,
            {"engine": "28.3.2"},
            (
                "warning",
                "the Docker engine 28.3.2 may let neighbours on your network reach ports that are published on "
                "127.0.0.1: 28.3.3 or newer does not",
                "update it: https://docs.docker.com/engine/install/",
            ),
        ),
        (docker.engine, {"engine": "28"}, ("ok", "the Docker engine 28 answers", "")),
        (docker.engine, {"engine": "29-custom"}, ("ok", "the Docker engine 29-custom answers", "")),
        (docker.engine, {"engine": "library-import"}, ("ok", "the Docker engine library-import answers", "")),
        (
            docker.engine,
            {"engine": "19-custom"},
            (
                "failed",
                "the Docker engine 19-custom is too old: 20.10 or newer",
                "update it: https://docs.docker.com/engine/install/",
            ),
        ),
        (docker.compose, {"compose": docker._UNNAMED}, ("ok", "Docker Compose of an unknown version", "")),
        (
            docker.engine,
            DOWN,
            ("failed", "no Docker engine answers: no such socket", "start Docker, then: docker info"),
        ),
        (
            docker.engine,
            {"engine": "", "trouble": "the Docker engine refuses this user: permission denied on its socket"},
            (
                "failed",
                "the Docker engine at `unix:///var/run/docker.sock` refuses this user: permission denied",
                GROUP,
            ),
        ),
        (
            docker.engine,
            {**DOWN, "others": ("desktop-linux",)},
            (
                "failed",
                "the engine of the context `default` does not answer, that of `desktop-linux` does",
                "docker context use desktop-linux",
            ),
        ),
        (docker.context, {}, ("ok", "the context `default` is in use", "")),
        (docker.context, {"context": ""}, ("ok", "`DOCKER_HOST` names the engine", "")),
        (docker.context, {"context": "", "address": ""}, ("unknown", "Docker has no context", "")),
        (
            docker.context,
            {"others": ("desktop-linux",)},
            (
                "warning",
                "two engines answer: `default` is in use, "
                "images and containers of `desktop-linux` are not seen",
                "docker context use desktop-linux  # when that one is meant",
            ),
        ),
        (docker.compose, {}, ("ok", "Docker Compose 2.40.0", "")),
        (
            docker.compose,
            {"compose": ""},
            ("failed", "the plugin Docker Compose of `docker` is not installed", f"install it: {COMPOSE}"),
        ),
        (
            docker.compose,
            {"compose": "2.3.3"},
            ("failed", "Docker Compose 2.3.3 is too old: 2.20 or newer", f"update it: {COMPOSE}"),
        ),
        (docker.buildx, {}, ("ok", "buildx 0.30.1", "")),
        (
            docker.buildx,
            {"buildx": ""},
            ("failed", "the plugin buildx of `docker` is not installed", f"install it: {BUILDX}"),
        ),
        (
            docker.buildx,
            {"buildx": "?"},
            ("unknown", "buildx did not say its version in time", "docker info"),
        ),
        (docker.platform, {}, ("ok", "images for amd64", "")),
        (docker.platform, {"platform": "linux/amd64"}, ("ok", "images for amd64", "")),
        (docker.platform, DOWN, ("unknown", "no engine to ask for its architecture", "docker info")),
        (
            docker.platform,
            {"platform": "linux/amd64", "architecture": "arm64"},
            (
                "warning",
                "`DOCKER_DEFAULT_PLATFORM` asks for amd64, the engine has arm64: it is slow",
                "unset DOCKER_DEFAULT_PLATFORM",
            ),
        ),
        (
            docker.engine_clock,
            {},
            ("ok", "the clock of the Docker engine agrees with this machine's", ""),
        ),
        (docker.engine_clock, DOWN, ("unknown", "no engine to ask for its time", "docker info")),
        (
            docker.engine_clock,
            {"skew": -600.0},
            (
                "failed",
                "the clock of the Docker engine is 600 s behind this machine's",
                "restart Docker; under WSL 2: sudo hwclock --hctosys",
            ),
        ),
    ],
)
def test_docker(judge: Any, changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(judge(replace(GOOD, **changes))) == expected


def test_a_closed_socket_is_never_to_be_opened_to_all() -> None:
    closed = replace(GOOD, engine="", trouble="the Docker engine refuses this user: permission denied")
    assert "chmod" not in docker.engine(closed).hint


def test_a_missing_engine_is_something_missing_and_an_old_one_is_not() -> None:
    assert docker.engine(replace(GOOD, **DOWN)).missing
    assert not docker.engine(replace(GOOD, engine="19.03.1")).missing


def test_a_machine_without_docker_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    facts = docker.read(Place(Project.find(tmp_path)))
    assert (facts.client, facts.context, facts.engine, facts.compose) == (False, "", "", "")
    assert told(docker.engine(facts))[1] == "no Docker engine answers: no such socket"


PYTHON = image.Pinned("GAIAFLOW_PYTHON_IMAGE", "python:3.11", image.HERE)
POSTGRES = image.Pinned("GAIAFLOW_POSTGRES_IMAGE", "postgres:15", image.REACHABLE)
IMAGES = image.Facts(True, (PYTHON, POSTGRES), "demo/demo:1", True)
NO_ENGINE = image.Facts(False, (), "demo/demo:1", False)
MIRROR = "docker pull postgres:15, or in .env: GAIAFLOW_POSTGRES_IMAGE=<mirror>/postgres:15"


def with_postgres(where: str) -> image.Facts:
    return replace(IMAGES, pinned=(PYTHON, replace(POSTGRES, where=where)))


@pytest.mark.parametrize(
    ("judge", "facts", "expected"),
    [
        (image.stack, IMAGES, ("ok", "on this machine or in their registries: python:3.11, postgres:15", "")),
        (
            image.stack,
            with_postgres(image.UNREACHABLE),
            ("warning", "this machine has no image `postgres:15`, and its registry does not answer", MIRROR),
        ),
        (
            image.stack,
            with_postgres(image.REFUSED),
            ("failed", "this machine has no image `postgres:15`, and its registry does not have it", MIRROR),
        ),
        (image.stack, NO_ENGINE, ("unknown", "no engine to ask for the stack's images", "docker info")),
        (image.project, IMAGES, ("ok", "the project's image `demo/demo:1` is built", "")),
        (
            image.project,
            replace(IMAGES, built=False),
            ("failed", "the project's image `demo/demo:1` is not built", "inv dev.dockerize"),
        ),
        (image.project, NO_ENGINE, ("unknown", "no engine to ask for the project's image", "docker info")),
    ],
)
def test_images(judge: Any, facts: image.Facts, expected: tuple[str, str, str]) -> None:
    assert told(judge(facts)) == expected


def test_the_pinned_images_are_those_of_the_compose_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GAIAFLOW_PYTHON_IMAGE", "GAIAFLOW_POSTGRES_IMAGE", "GAIAFLOW_S3_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GAIAFLOW_S3_PROVIDER", "minio")
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    (tmp_path / ".env").write_text("GAIAFLOW_POSTGRES_IMAGE=mirror.example/postgres:15\n")
    found = image.pinned(Project.find(tmp_path))
    assert found["GAIAFLOW_POSTGRES_IMAGE"] == "mirror.example/postgres:15"
    assert set(found) == {"GAIAFLOW_PYTHON_IMAGE", "GAIAFLOW_POSTGRES_IMAGE", "GAIAFLOW_S3_IMAGE"}
    assert found["GAIAFLOW_S3_IMAGE"] in (shipped("compose") / "s3-minio.yml").read_text()
    assert not (tmp_path / ".gaiaflow").exists()


def test_a_registry_that_is_not_asked_is_not_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for words, where in (("dial tcp: no such host", image.UNREACHABLE), ("manifest unknown", image.REFUSED)):
        client.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
        client.chmod(0o755)
        assert image.ask("postgres:15") == where
    client.write_text("#!/bin/sh\necho '{}'\n")
    assert image.ask("postgres:15") == image.REACHABLE


@pytest.mark.parametrize(
    ("engine", "hint"),
    [
        (kind.ROOTLESS, "inv dev.start --backend docker --with dev_docker"),
        (kind.REMOTE, "inv dev.start --backend embedded --mode dev"),
    ],
)
def test_beside_a_network_of_its_own_a_way_is_named_that_this_engine_can_go(
    project: Project, monkeypatch: pytest.MonkeyPatch, engine: kind.Kind, hint: str
) -> None:
    monkeypatch.setattr(kind, "find", lambda: engine)
    said = "the stack listens on this machine alone, whose network containers of this engine do not share"
    assert container.read(Place(project)).unasked == (said, hint)
