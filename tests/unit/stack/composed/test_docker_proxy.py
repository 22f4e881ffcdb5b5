"""The door to the engine: what it lets through, what it refuses, and that nothing slips in behind a request."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from gaiaflow.infra.host.shipped import shipped
from gaiaflow.stack.composed.belongings import TASK_LABEL

NETWORK, PROJECT = "demo_default", "demo-12345678"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("door", shipped("compose") / "scripts" / "docker_proxy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("GAIAFLOW_NETWORK", NETWORK)
    monkeypatch.setenv("GAIAFLOW_PROJECT_ID", PROJECT)
    return module


def body(**host: Any) -> bytes:
    return json.dumps({"Image": "x", "HostConfig": {"NetworkMode": NETWORK, **host}}).encode()


def test_label_is_the_one_that_cleanup_looks_for(door: Any) -> None:
    assert door.LABEL == TASK_LABEL


def test_plain_container_gets_our_label_and_no_new_privileges(door: Any) -> None:
    made = json.loads(door.checked_create(body(Memory=1, Binds=None, Privileged=False, IpcMode="private")))
    assert made["Labels"] == {door.LABEL: PROJECT}
    assert made["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize(
    "host",
    [
        {"Privileged": True},
        {"privileged": True},
        {"Binds": ["/:/host"]},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/x"}]},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"NetworkMode": "host"},
        {"NetworkMode": "bridge"},
        {"NetworkMode": "container:other"},
        {"CapAdd": ["SYS_ADMIN"]},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"SecurityOpt": ["seccomp=unconfined"]},
        {"VolumesFrom": ["other"]},
        {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}},
        {"RestartPolicy": {"Name": "always"}},
        {"LogConfig": {"Type": "syslog"}},
        {"CgroupParent": "/"},
        {"Runtime": "other"},
    ],
)
def test_container_that_reaches_the_host_is_refused(door: Any, host: dict[str, Any]) -> None:
    with pytest.raises(door.RefusedError):
        door.checked_create(body(**host))


@pytest.mark.parametrize(
    "extra",
    [
        {"hostconfig": {"Privileged": True}},
        {"ho\u017ftConfig": {"Privileged": True}},
        {"Volumes": {"/x": {}}},
        {"NetworkingConfig": {"EndpointsConfig": {"other": {}}}},
        {"NetworkingConfig": {"endpointsconfig": {"other": {}}}},
        {"HostConfig": None},
        {"HostConfig": 7},
    ],
)
def test_description_that_hides_something_is_refused(door: Any, extra: dict[str, Any]) -> None:
    with pytest.raises(door.RefusedError):
        door.checked_create(json.dumps({**json.loads(body()), **extra}).encode())


def test_description_that_is_no_object_is_refused(door: Any) -> None:
    for text in (b"[]", b"no", b'"x"', b"null"):
        with pytest.raises(door.RefusedError):
            door.checked_create(text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/info"),
        ("GET", "/containers/json"),
        ("POST", "/containers/abc/exec"),
        ("POST", "/exec/abc/start"),
        ("POST", "/build"),
        ("POST", "/images/create?fromImage=x"),
        ("DELETE", "/images/x"),
        ("GET", "/volumes"),
        ("POST", "/networks/x/connect"),
        ("POST", "/v1.41/containers/abc/update"),
        ("GET", "/containers/abc/../../info"),
        ("GET", "/containers/%2e%2e/json"),
        ("GET", "//containers/abc/json"),
        ("POST", "/commit?container=abc"),
    ],
)
def test_other_requests_are_refused(door: Any, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    monkeypatch.setattr(door, "is_own", lambda _: True)
    with pytest.raises(door.RefusedError):
        door.check(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_ping"),
        ("GET", "/v1.41/version"),
        ("GET", "/v1.41/images/co2/pkg:1.0/json"),
        ("POST", "/v1.41/containers/create?name=x"),
        ("POST", "/v1.41/containers/abc/start"),
        ("PUT", "/v1.41/containers/abc/archive?path=%2F"),
        ("DELETE", "/v1.41/containers/abc?force=True"),
    ],
)
def test_what_a_task_needs_is_let_through(
    door: Any, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    monkeypatch.setattr(door, "is_own", lambda _: True)
    door.check(method, path)


def test_container_of_somebody_else_is_refused(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "is_own", lambda _: False)
    with pytest.raises(door.RefusedError, match="not a task's of this project"):
        door.check("GET", "/containers/postgres/archive?path=/etc")


class Engine(BaseHTTPRequestHandler):
    """Stands where the engine is, and remembers what reached it."""

    protocol_version = "HTTP/1.1"
    seen: list[str] = []  # noqa: RUF012 - one for all its instances

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append(f"{self.command} {self.path} {content.decode()}")
        own = {"Config": {"Labels": {TASK_LABEL: PROJECT}}}
        text = json.dumps(own if "mine" in self.path else {"Config": {"Labels": None}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def address_string(self) -> str:
        return "engine"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


class EngineServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def port(door: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    path = tmp_path / "e.sock"
    monkeypatch.setattr(door, "SOCKET", str(path))
    monkeypatch.setattr(Engine, "seen", [])
    monkeypatch.setattr(door.Door, "log_message", lambda *_: None)
    engine, server = EngineServer(str(path), Engine), ThreadingHTTPServer(("127.0.0.1", 0), door.Door)
    for one in (engine, server):
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1]
    for one in (engine, server):
        one.shutdown()
        one.server_close()


def test_request_and_answer_pass(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1.41/containers/mine/start")
    assert connection.getresponse().status == 200
    assert Engine.seen[-1].startswith("POST /v1.41/containers/mine/start")


def test_strangers_container_never_reaches_the_engine(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("DELETE", "/containers/other")
    assert connection.getresponse().status == 403
    assert [line.split()[0] for line in Engine.seen] == ["GET"]


@pytest.mark.parametrize(
    "first",
    [
        "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /containers/mine/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        "POST /containers/mine/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
        "POST /containers/mine/start HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_second_request_behind_the_first_is_not_passed(port: int, first: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall((first + "GET /info HTTP/1.1\r\nHost: x\r\n\r\n").encode())
        while client.recv(4096):
            pass
    assert not any("/info" in line for line in Engine.seen)
