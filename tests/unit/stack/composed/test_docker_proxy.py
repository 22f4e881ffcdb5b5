"""The Docker socket proxy: which requests pass, in what form, and what happens to all others."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gaiaflow.infra.host.shipped import shipped
from tests.moby_fake import Moby, listening
from tests.socket_proxy import (
    NAME,
    ask,
    create,
    description,
    engine,
    refusal,
    relay,
    routes,
    running,
    server,
)

NETWORK, PROJECT = "demo_default", "demo-12345678"
MINE, THEIRS = "1" * 64, "3f" + "0" * 62
DIGEST = "r.example/p/p%40sha256%3A" + "a" * 64


@pytest.fixture
def moby(tmp_path: Path) -> Iterator[Moby]:
    with listening(tmp_path / "e.sock") as found:
        found.containers[MINE] = ("mine", {"gaiaflow.task-of": PROJECT})
        found.containers[THEIRS] = ("postgres", {})
        yield found


@pytest.fixture
def port(moby: Moby, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(server.Handler, "log_message", lambda *_: None)
    with running(str(tmp_path / "e.sock"), PROJECT, NETWORK) as found:
        yield found


def await_(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def raw(port: int, text: bytes, ends: bool = False) -> bytes:
    """All that comes back until the proxy closes; with `ends` the client has said that nothing more follows."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text)
        if ends:
            client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/info"),
        ("GET", "/containers/json"),
        ("GET", "/images/json"),
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
        ("GET", "/images/a/../../info/json"),
        ("GET", "/images/a%2f%2e%2e%2f%2e%2e%2finfo/json"),
        ("GET", "/images/a%250a/json"),
        ("GET", "http://x/_ping"),
        ("POST", "/commit?container=abc"),
        ("POST", "/v1.23/containers/abc/start"),
        ("GET", "/v1.41/v1.23/_ping"),
        ("GET", "/containers/abc/json?size=1"),
        ("GET", "/containers/abc/archive?path=a&path=b"),
        ("DELETE", "/containers/abc?link=1"),
    ],
)
def test_other_requests_are_refused(method: str, path: str) -> None:
    with pytest.raises(refusal.RefusedError):
        routes.find(method, path)


@pytest.mark.parametrize(
    ("method", "given", "passed"),
    [
        ("GET", "/_ping", "/_ping"),
        ("GET", "/v1.41/version", "/v1.41/version"),
        ("GET", "/v1.41/images/co2/pkg:1.0/json", "/v1.41/images/co2/pkg:1.0/json"),
        ("GET", f"/v1.44/images/{DIGEST}/json", f"/v1.44/images/r.example/p/p%40sha256:{'a' * 64}/json"),
        ("POST", "/v1.41/containers/abc/start", "/v1.41/containers/ID/start"),
        ("POST", "/containers/start/start", "/containers/ID/start"),
        ("PUT", "/v1.41/containers/abc/archive?path=%2F", "/v1.41/containers/ID/archive?path=%2F"),
        ("DELETE", "/containers/abc?v=False&link=False&force=True", "/containers/ID?v=1&force=1"),
        ("DELETE", "/containers/abc", "/containers/ID?v=1&force=0"),
    ],
)
def test_what_a_task_needs_is_rebuilt(method: str, given: str, passed: str) -> None:
    assert routes.find(method, given).address("ID") == passed


def test_request_and_answer_pass(port: int, moby: Moby) -> None:
    assert ask(port, "POST", "/v1.41/containers/mine/start") == (200, json.dumps({"done": MINE}).encode())
    assert moby.seen[-1][:2] == ("POST", f"/v1.41/containers/{MINE}/start")


def test_an_archive_arrives_whole(port: int, moby: Moby) -> None:
    archive = bytes(range(256)) * 2000
    assert ask(port, "PUT", "/containers/mine/archive?path=%2F", archive)[0] == 200
    assert moby.seen[-1] == ("PUT", f"/containers/{MINE}/archive?path=%2F", archive)


def test_only_an_archive_and_a_description_have_a_body(port: int, moby: Moby) -> None:
    ask(port, "POST", "/containers/mine/start", b'{"Privileged": true}')
    assert moby.seen[-1] == ("POST", f"/containers/{MINE}/start", b"")


@pytest.mark.parametrize(("said", "status"), [(404, 404), (403, 502), (500, 502)])
def test_an_engine_that_fails_is_not_one_without_the_container(
    port: int, moby: Moby, monkeypatch: pytest.MonkeyPatch, said: int, status: int
) -> None:
    monkeypatch.setattr(moby, "answer", lambda *_: (said, {}))
    assert ask(port, "GET", "/containers/mine/json")[0] == status


def test_a_description_has_a_largest_size(port: int, moby: Moby, monkeypatch: pytest.MonkeyPatch) -> None:
    body = description(NETWORK)
    monkeypatch.setattr(server, "LARGEST_CREATE", len(body))
    assert create(port, body)[0] == 201
    asked = len(moby.seen)
    for larger in (body + b" ", body + b" " * 1000):
        status, answer = create(port, larger)
        assert (status, len(moby.seen)) == (403, asked)
        assert "the description of the container is too large" in answer["message"]


@pytest.mark.parametrize("reference", ["postgres", "3f", THEIRS])
@pytest.mark.parametrize(
    ("method", "rest"), [("DELETE", ""), ("GET", "/archive?path=/etc"), ("GET", "/json"), ("POST", "/kill")]
)
def test_a_strangers_container_is_only_looked_at(
    port: int, moby: Moby, reference: str, method: str, rest: str
) -> None:
    status, body = ask(port, method, f"/containers/{reference}{rest}")
    assert status == 403
    assert b"is not a task's of this project" in body
    assert [seen[:2] for seen in moby.seen] == [("GET", f"/containers/{reference}/json")]


def test_a_name_that_means_another_container_a_moment_later(port: int, moby: Moby) -> None:
    """An own container called `3f` is removed between check and use: `3f` is now the start of another's id."""
    moby.containers["2" * 64] = ("3f", {"gaiaflow.task-of": PROJECT})
    moby.after_inspect = lambda: moby.containers.pop("2" * 64)
    status, body = ask(port, "GET", "/containers/3f/archive?path=/etc")
    assert (status, moby.find("3f")) == (404, THEIRS)
    assert THEIRS.encode() not in body


def test_a_container_that_is_gone_is_not_found(port: int) -> None:
    status, body = ask(port, "DELETE", "/v1.41/containers/gone?force=True")
    said = json.loads(body)["message"]
    assert (status, said) == (404, "gaiaflow's Docker socket proxy: No such container: gone")


def test_a_container_is_created_as_it_was_rebuilt(port: int, moby: Moby) -> None:
    moby.users["x"] = "1000"
    assert create(port, description(NETWORK, {"MaskedPaths": []}, User=None)) == (201, {"Id": "f" * 64})
    method, address, body = moby.seen[-1]
    assert (method, address) == ("POST", f"/v1.41/containers/create?name={NAME}")
    assert json.loads(body)["HostConfig"]["CapDrop"] == ["ALL"]
    assert "User" not in json.loads(body)
    assert b"MaskedPaths" not in body


def test_an_image_of_root_runs_as_another(port: int, moby: Moby) -> None:
    create(port, description(NETWORK))
    assert json.loads(moby.seen[-1][2])["User"] == "10001:0"


def test_an_image_that_is_not_there_is_not_found(port: int) -> None:
    status, said = create(port, description(NETWORK, Image="absent"))
    assert (status, said["message"]) == (404, "gaiaflow's Docker socket proxy: No such image: absent")


def test_a_refused_description_never_reaches_the_engine(port: int, moby: Moby) -> None:
    status, said = create(port, description(NETWORK, {"Privileged": True}))
    assert status == 403
    assert said["message"] == "gaiaflow's Docker socket proxy: `HostConfig.Privileged` is not allowed"
    assert moby.seen == []


@pytest.mark.parametrize(
    "first",
    [
        "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /containers/mine/kill HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        "POST /containers/mine/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
        "PUT /containers/mine/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_second_request_behind_the_first_is_not_passed(port: int, moby: Moby, first: str) -> None:
    raw(port, (first + "GET /info HTTP/1.1\r\nHost: x\r\n\r\n").encode())
    assert moby.seen
    assert not any("/info" in address for _, address, _ in moby.seen)


CREATE = f"POST /containers/create?name={NAME} HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        "no request\r\n\r\n",
        "GET /_ping\r\n\r\n",
        "GET /_ping HTTP/9.9\r\n\r\n",
        "PATCH /_ping HTTP/1.1\r\n\r\n",
        "GET http://[/_ping HTTP/1.1\r\n\r\n",
        "GET /%ff HTTP/1.1\r\n\r\n",
        "GET /containers/mine/logs?tail=%ff HTTP/1.1\r\n\r\n",
        "GET /containers/mine/logs?tail HTTP/1.1\r\n\r\n",
        "GET /" + "a" * 70_000 + " HTTP/1.1\r\n\r\n",
        "GET /_ping HTTP/1.1\r\n" + "A: b\r\n" * 200 + "\r\n",
        CREATE + "Content-Length: x\r\n\r\n",
        CREATE + "Content-Length: -1\r\n\r\n",
        CREATE + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        CREATE + "Content-Length: 99999999\r\n\r\n{}",
        CREATE + "Content-Length: 9\r\n\r\n{}",
        CREATE + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CREATE + "Content-Length: 100000\r\n\r\n" + "[" * 100_000,
        CREATE + 'Content-Length: 16\r\n\r\n{"LogConfig":[1]}',
        "PUT /containers/mine/archive?path=/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort",
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(port: int, moby: Moby, request_: str) -> None:
    answer = raw(port, request_.encode("latin-1"), ends=True)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"gaiaflow's Docker socket proxy: " in answer
    assert not [seen for seen in moby.seen if seen[0] == "POST"]


@pytest.mark.parametrize("rest", ["wait", "attach"])
def test_a_client_that_goes_away_frees_its_thread_and_the_engine(port: int, moby: Moby, rest: str) -> None:
    before = threading.active_count()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    for client in clients:
        client.sendall(f"POST /containers/mine/{rest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert await_(lambda: moby.open == 5)
    for client in clients:
        client.close()
    assert await_(lambda: moby.open == 0)
    assert await_(lambda: threading.active_count() <= before)


def test_an_answer_may_be_silent_for_as_long_as_the_container_runs(
    port: int, moby: Moby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ENGINE_SECONDS", 0.1)
    threading.Timer(0.5, moby.ending.set).start()
    assert ask(port, "POST", "/containers/mine/wait")[0] == 200


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[socket.socket]:
    """An engine that accepts and says nothing."""
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(tmp_path / "mute.sock"))
        found.listen()
        yield found


def test_an_engine_that_says_nothing_is_one_answer(
    mute: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.Handler, "log_message", lambda *_: None)
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(server, "ENGINE_SECONDS", 0.2)
    with running(str(tmp_path / "mute.sock"), PROJECT, NETWORK) as port:
        for method, address in (("GET", "/_ping"), ("POST", "/containers/mine/start")):
            assert ask(port, method, address)[0] == 502
    with running(str(tmp_path / "nowhere.sock"), PROJECT, NETWORK) as port:
        assert ask(port, "GET", "/_ping")[0] == 502


def test_half_an_answer_gets_no_second_one(
    mute: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ENGINE_SECONDS", 0.3)

    def half() -> None:
        connection, _ = mute.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        time.sleep(1)
        connection.close()

    threading.Thread(target=half, daemon=True).start()
    with running(str(tmp_path / "mute.sock"), PROJECT, NETWORK) as port:
        assert raw(port, b"GET /_ping HTTP/1.1\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\nhalf"


def test_a_client_that_sends_nothing_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < server.Handler.timeout <= 60
    monkeypatch.setattr(server.Handler, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        assert client.recv(1) == b""


def test_a_refused_client_reads_why_although_it_still_sends(port: int) -> None:
    body = b"x" * 4 * 1024 * 1024
    assert len(body) < relay.LARGEST_REST
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/build", body)
    assert connection.getresponse().status == 403


def test_it_runs_as_a_program_that_sees_nothing_but_the_standard_library(tmp_path: Path, moby: Moby) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shipped("compose") / "scripts" / "docker_proxy"
    variables = {"GAIAFLOW_DOCKER_SOCKET": str(tmp_path / "e.sock"), "GAIAFLOW_PROJECT_ID": PROJECT}
    with subprocess.Popen(
        [sys.executable, "-IS", str(program), str(port)], env={**variables, "GAIAFLOW_NETWORK": NETWORK}
    ) as process:
        try:
            assert await_(lambda: answers(port))
            assert ask(port, "GET", "/info")[0] == 403
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/_ping")[0] == 200
    except OSError:
        return False
