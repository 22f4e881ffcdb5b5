"""The logs of worker pods: sent to MLflow's artifacts and read back, from a server of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.operators import tasklog

PATH = "dag_id=d/run_id=manual__2026-11-21T12:00:00+00:00/task_id=t/attempt=1.log"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """What the server holds, by the path it was asked for."""
    held: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            held[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(held.pop("next", 200 if self.path in held else 404))
            self.end_headers()
            self.wfile.write(held.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(tasklog.conf, "get", lambda *_: str(tmp_path))
    file = tmp_path / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes('{"event": "täst"}\n'.encode())
    return file.read_bytes()


def test_a_worker_sends_its_log_and_it_is_read_back(
    kept: dict[str, bytes], written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIAFLOW_WORKER", "1")
    tasklog.REMOTE_TASK_LOG.upload(PATH)
    assert list(kept.values()) == [written]
    assert tasklog.REMOTE_TASK_LOG.read(PATH, None) == (
        [f"airflow-logs/{PATH} in MLflow"],
        [written.decode()],
    )


def test_elsewhere_the_log_stays_where_it_is(
    kept: dict[str, bytes], written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GAIAFLOW_WORKER", raising=False)
    tasklog.REMOTE_TASK_LOG.upload(PATH)
    assert (kept, bool(written)) == ({}, True)


def test_a_log_that_is_not_there_is_no_error(kept: dict[str, bytes]) -> None:
    assert tasklog.REMOTE_TASK_LOG.read(PATH, None) == ([], None)
    assert kept == {}


def test_a_log_that_comes_a_moment_later_is_read(
    kept: dict[str, Any], written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIAFLOW_WORKER", "1")
    monkeypatch.setattr(tasklog, "PAUSE", 0.01)
    tasklog.REMOTE_TASK_LOG.upload(PATH)
    kept["next"] = 500
    assert tasklog.REMOTE_TASK_LOG.read(PATH, None)[1] == [written.decode()]


def test_a_store_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    sources, log = tasklog.REMOTE_TASK_LOG.read(PATH, None)
    assert sources[0].startswith("MLflow does not hand the log out: ")
    assert log is None
