"""The whole texts of the errors of images, the engine and registries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.infra.images import engine as docker, image, push, registry
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.project import Project
from tests.error_case import Case, fail_with, hold, text_of

CLOSED = "127.0.0.1:9"  # the port of `discard`: nobody listens


def digest_at(host: str) -> str | None:
    return Registry(host).digest(Reference(host, "team/app", "1", ""))


class Refusing:
    """An engine whose registry takes nothing."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.images = SimpleNamespace(push=lambda *_, **__: iter(lines))


def upload(*lines: dict[str, Any]) -> object:
    client: Any = Refusing(*lines)
    return push._upload(client, "registry.example.org/team/app", "content-1", push._quiet)


@contextmanager
def answering(status: int, **headers: str) -> Iterator[int]:
    """A server that has one answer for everything; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - so the handler calls it

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def explained(_: Project) -> object:
    import requests

    found = docker.explained(requests.exceptions.ConnectionError("it went away"))
    assert found is not None
    return fail_with(found)


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


CASES = [
    Case(
        lambda _: digest_at(CLOSED),
        3,
        "the registry `127.0.0.1:9` does not answer: [Errno 111] Connection refused",
        "docker login 127.0.0.1:9, or check its name",
    ),
    Case(
        lambda _: upload({"error": "denied: no right"}),
        1,
        "cannot push `registry.example.org/team/app`: denied: no right",
        "docker login registry.example.org, or ask for permission to push",
    ),
    Case(
        lambda _: upload({"status": "Pushed", "id": "layer"}),
        1,
        "cannot push `registry.example.org/team/app`: the engine told no digest",
        "docker login registry.example.org, or ask for permission to push",
    ),
    Case(
        lambda p: image.remove_image(p, "demo:2"),
        3,
        "`demo:2` is not an image of this project (did you mean `demo:1`?)",
        "inv dev.images",
    ),
    Case(explained, 3, "the Docker engine stopped answering: it went away", "docker info, then repeat"),
    Case(
        lambda _: image._untag(cast(Any, Lost()), "demo:1"),
        1,
        "cannot remove `demo:1`: a container uses it",
        "docker ps --all",
    ),
    Case(
        lambda _: image._checked_name("A b"),
        2,
        "`A b` is not a valid image name",
        "--image my-project/my-package:1.0",
    ),
    Case(
        lambda _: registry.Reference.parse("A b"),
        2,
        "`A b` is not a valid image name",
        "registry.example.org/team/image:tag",
    ),
    Case(
        lambda p: push.registry_of(p, ""),
        2,
        "no registry is set",
        "inv prod.push --registry registry.example.org/team",
    ),
    Case(
        lambda p: push.registry_of(p, "https://registry.example.org"),
        2,
        "`https://registry.example.org` is an address, not a registry",
        "registry.example.org",
    ),
    Case(
        lambda _: push._content_tag(SimpleNamespace(labels={}), "demo:1"),
        1,
        "`demo:1` has no record of its contents: gaiaflow did not build it",
        "inv dev.dockerize",
    ),
    Case(
        lambda p: image._own_dockerfile(p, "Dockerfile.x"),
        3,
        "no Dockerfile `{root}/Dockerfile.x`",
        "inv dev.dockerize  # gaiaflow has its own",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(image, "images", lambda _: [image.Image("demo:1", "demo:content-1", "id", 1)])
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_registry_that_asks_for_a_key_over_an_open_line(project: Project) -> None:
    with answering(401, www_authenticate='Bearer realm="http://example.org/token"') as port:
        told = Case(
            lambda _: digest_at(f"127.0.0.1:{port}"),
            1,
            f"the registry `127.0.0.1:{port}` asks for credentials by an unsupported method: "
            "Bearer http://example.org/token",
            f"docker login 127.0.0.1:{port}",
        )
        hold(told, project)


def test_a_registry_that_is_broken(project: Project) -> None:
    with answering(500) as port:
        told = Case(
            lambda _: digest_at(f"127.0.0.1:{port}"),
            1,
            f"the registry `127.0.0.1:{port}` does not show `team/app`: it answers 500",
            f"docker login 127.0.0.1:{port}",
        )
        hold(told, project)


def test_credentials_whose_program_is_not_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "config.json").write_text('{"credHelpers": {"registry.example.org": "none"}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(project.root))
    told = Case(
        lambda _: Registry.connect("registry.example.org"),
        1,
        "Docker's credentials for `registry.example.org` cannot be read: Credentials store error: "
        "StoreError('docker-credential-none not installed or not available in PATH')",
        "docker login registry.example.org",
    )
    hold(told, project)
