"""The whole texts of errors: a registry, a gateway and a git repository, each a real one on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from gaiaflow.infra.cluster import gateway
from gaiaflow.infra.images import engine as docker, push
from gaiaflow.infra.images.registry import Reference, Registry
from gaiaflow.production.git import GitDags
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

CLOSED = "127.0.0.1:9"  # the port of `discard`: nobody listens
_AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")


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


class Refusing:
    """An engine whose registry takes nothing."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.images = SimpleNamespace(push=lambda *_, **__: iter(lines))


def digest_at(host: str) -> str | None:
    return Registry(host).digest(Reference(host, "team/app", "1", ""))


def upload(*lines: dict[str, Any]) -> object:
    client: Any = Refusing(*lines)
    return push._upload(client, "registry.example.org/team/app", "content-1", push._quiet)


def git(folder: Path, *argv: str) -> None:
    subprocess.run(["git", "-C", str(folder), *_AUTHOR, *argv], check=True, timeout=60, capture_output=True)


def linked(project: Project) -> GitDags:
    """A repository in which the place of a DAG file is a link to somewhere else."""
    (project.root / "dags").mkdir()
    (project.root / "dags" / "flow.py").write_text("# airflow\n")
    made = project.root / "repository"
    made.mkdir()
    git(made, "init", "--quiet", "--initial-branch", "main")
    (made / "demo").mkdir()
    (made / "demo" / "flow.py").symlink_to("/nowhere/flow.py")
    git(made, "add", "--all")
    git(made, "commit", "--quiet", "--message", "a link")
    return GitDags.make(project, str(made), "demo", "main")


CASES = [
    Case(
        lambda _: digest_at(CLOSED),
        3,
        "the registry `127.0.0.1:9` does not answer: [Errno 111] Connection refused",
        "docker login 127.0.0.1:9, or look at its name",
    ),
    Case(
        lambda _: upload({"error": "denied: no right"}),
        1,
        "cannot push `registry.example.org/team/app`: denied: no right",
        "docker login registry.example.org, or ask for the right to push",
    ),
    Case(
        lambda _: upload({"status": "Pushed", "id": "layer"}),
        1,
        "cannot push `registry.example.org/team/app`: the engine told no digest",
        "docker login registry.example.org, or ask for the right to push",
    ),
    Case(
        lambda p: GitDags.make(p, "https://me:key@example.org/dags.git", "", "main"),
        2,
        "the address of the git repository holds a user name, a token or a password",
        "name it without them, and let git keep them: git config credential.helper store",
    ),
    Case(
        lambda p: GitDags.make(p, "--upload-pack=evil", "", "main"),
        2,
        "`--upload-pack=evil` with branch `main` is no repository",
        "--dags git@host:team/dags.git",
    ),
    Case(
        lambda p: GitDags.make(p, str(p.root / "none"), "", "main").plan(),
        1,
        "`git ls-remote` of {root}/none failed: fatal: '{root}/none' does not appear to be a git repository\n"
        "fatal: Could not read from remote repository.\n\n"
        "Please make sure you have the correct access rights\nand the repository exists.",
        "git ls-remote {root}/none, to see whether you may read and write there",
    ),
    Case(
        lambda p: linked(p).sync("DAGs"),
        1,
        "`demo/flow.py` of {root}/repository is a link",
        "replace it by a file or a folder",
    ),
]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_registry_that_asks_for_a_key_over_an_open_line(project: Project) -> None:
    with answering(401, www_authenticate='Bearer realm="http://example.org/token"') as port:
        told = Case(
            lambda _: digest_at(f"127.0.0.1:{port}"),
            1,
            f"the registry `127.0.0.1:{port}` asks for credentials where they do not go: "
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


def test_mlflow_that_serves_other_hosts(project: Project) -> None:
    with answering(403) as port:
        told = Case(
            lambda _: gateway.refuse_unknown_host("gate.internal", port),
            1,
            "MLflow does not answer pods: it was not started for the host `gate.internal`",
            "GAIAFLOW_GATEWAY=gate.internal in .env, then inv dev.restart --service mlflow",
        )
        hold(told, project)


def test_a_cluster_in_no_network_of_docker(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from docker.errors import NotFound

    def get(name: str) -> None:
        raise NotFound(name)

    monkeypatch.setattr(docker, "connect", lambda: SimpleNamespace(networks=SimpleNamespace(get=get)))
    told = Case(
        lambda _: gateway.network_gateway("kind"),
        3,
        "how pods of `kind` reach this machine is not known: no docker network of that name",
        "GAIAFLOW_GATEWAY=<address of this machine that pods reach> in .env",
    )
    hold(told, project)


def networks(*pools: dict[str, str]) -> Any:
    """A client of an engine whose one network has these pools."""
    network = SimpleNamespace(attrs={"IPAM": {"Config": list(pools)}})
    return SimpleNamespace(networks=SimpleNamespace(get=lambda _: network))


def test_a_network_of_docker_without_ipv4(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"Subnet": "fd00:1::/64", "Gateway": "fd00:1::1"}
    monkeypatch.setattr(docker, "connect", lambda: networks(pool))
    told = Case(
        lambda _: gateway.network_gateway("kind"),
        3,
        "how pods of `kind` reach this machine is not known: its docker network has no IPv4 address",
        "GAIAFLOW_GATEWAY=<address of this machine that pods reach> in .env",
    )
    hold(told, project)
