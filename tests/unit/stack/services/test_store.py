"""The S3 store of a Compose stack: who gets into it, where it is for everybody, and when it answers."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.endpoints import PORTS, Vantage
from gaiaflow.infra.cluster import account
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.services import access, airflow, health, keys, state

PLACE = {name: entry.port for name, entry in PORTS.items()}
OUTSIDE = {
    "GAIAFLOW_S3_PROVIDER": "external",
    "GAIAFLOW_S3_ENDPOINT": "https://store.example",
    "AWS_ACCESS_KEY_ID": "theirs",
    "AWS_SECRET_ACCESS_KEY": "their-secret",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    found = Project.find(tmp_path)
    privatefile.folder(found.home)
    return found


def ran(project: Project, backend: str, **settings: str) -> None:
    """Leave what a stack on that backend leaves."""
    (project.root / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    state.write(project, state.Remembered(backend, PLACE))


def shown(project: Project) -> dict[str, tuple[str, str, str]]:
    return {row.service: (row.url, row.user, row.secret) for row in access.credentials(project)}


def test_seaweedfs_has_pages_with_a_password_of_their_own(project: Project) -> None:
    ran(project, "docker")
    made, found = keys.load(project), shown(project)
    assert found["s3"] == ("http://127.0.0.1:9000", made.s3_access_key, made.s3_secret_key)
    assert found["s3-console"] == ("http://127.0.0.1:9001", keys.USER, made.s3_console_password)


def test_minios_pages_open_with_its_keys(project: Project) -> None:
    ran(project, "docker", GAIAFLOW_S3_PROVIDER="minio")
    found = shown(project)
    assert found["s3-console"][1:] == found["s3"][1:]


def test_an_external_store_is_there_for_everybody(project: Project) -> None:
    ran(project, "docker", **OUTSIDE)
    found = shown(project)
    assert found["s3"] == ("https://store.example", "theirs", "their-secret")
    assert "s3-console" not in found
    endpoints = access.endpoints(project)
    assert {endpoints.url("s3", vantage) for vantage in Vantage} == {"https://store.example"}
    for told in (
        access.shell_environment(project, Compose(project)),
        airflow.airflow_environment(project, endpoints=endpoints),
    ):
        assert told["AWS_ENDPOINT_URL_S3"] == told["MLFLOW_S3_ENDPOINT_URL"] == "https://store.example"
        assert (told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"]) == ("theirs", "their-secret")
    assert PLACE["s3"] not in account.forwarded_ports(endpoints)


def test_the_embedded_backend_always_runs_its_own(project: Project) -> None:
    ran(project, "embedded", **OUTSIDE)
    assert shown(project)["s3"][0] == "http://127.0.0.1:9000"
    assert PLACE["s3"] in account.forwarded_ports(access.endpoints(project))


@pytest.fixture
def server() -> Iterator[Any]:
    """Answers every request with its attribute ``status``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    found: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize(
    ("service", "status", "up"),
    [
        ("s3", 200, True),
        ("s3", 403, True),  # MinIO takes the path for a bucket
        ("s3", 503, False),
        ("mlflow", 200, True),
        ("mlflow", 403, False),
    ],
)
def test_a_store_that_refuses_strangers_is_up(server: Any, service: str, status: int, up: bool) -> None:
    server.status = status
    assert health.answers(service, f"http://127.0.0.1:{server.server_address[1]}") is up


@pytest.mark.parametrize("service", ["s3", "mlflow", "airflow"])
def test_a_port_that_speaks_no_http_is_not_up(service: str) -> None:
    """A stranger's answer must not end the start before it has stopped what it began."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def greet() -> None:
            caller, _ = stranger.accept()
            with caller:
                caller.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        assert not health.answers(service, f"http://127.0.0.1:{stranger.getsockname()[1]}")
        thread.join(5)


@pytest.mark.parametrize("body", [b"[]", b"null", b"[" * 100_000])
def test_an_answer_that_is_not_airflows_is_not_healthy(body: bytes) -> None:
    assert health.unhealthy(body) == ["api-server"]
