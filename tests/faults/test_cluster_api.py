"""A Kubernetes API that answers 500 for a while, stalls, or cuts its answers: one error, then it heals."""

from __future__ import annotations

import http.server
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from evidence import Evidence
from loopback import answering
from small_project import SmallProject

from gaiaflow.errors import MissingError, StillStartingError
from gaiaflow.infra.cluster.api import Cluster

NODES = {"items": [{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}]}


class Api(http.server.BaseHTTPRequestHandler):
    """Answers 500 to so many requests, then as a cluster would that has a node and no secret."""

    failing: ClassVar[int] = 0
    answer: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        kind = type(self)
        broken, kind.failing = kind.failing > 0, kind.failing - 1
        body = json.dumps({"message": "etcd is gone"} if broken else self._found()).encode()
        self.send_response(500 if broken else 200)
        self.send_header("Content-Length", str(len(kind.answer or body)))
        self.end_headers()
        self.wfile.write(kind.answer[: len(kind.answer) // 2] if kind.answer else body)

    def _found(self) -> dict[str, Any]:
        return NODES if self.path.endswith("/nodes") else {"items": []}

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of such a server."""
    Api.failing, Api.answer = 0, b""
    with answering(Api) as port:
        file = tmp_path / "config"
        config = {
            "current-context": "local",
            "clusters": [{"name": "local", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "local", "user": {}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        }
        file.write_text(json.dumps(config))
        yield file


def test_it_waits_out_errors(api: Path, monkeypatch: pytest.MonkeyPatch, evidence: Evidence) -> None:
    """It asks once a second; here the second is 10 ms, so 30 errors stand for 30 s."""
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(seconds / 100))
    Api.failing = 30
    Cluster.connect(api, "local").wait_ready(120)
    assert Api.failing < 0
    evidence.add(
        "fault",
        "an API server that answers 500 for 30 s at a start (30 answers; the pause cut from 1 s to 10 ms)",
        "`wait_ready` waits it out",
    )


def test_a_command_meets_them_with_one_error(tmp_path: Path, api: Path, evidence: Evidence) -> None:
    small = SmallProject.make(tmp_path / "faulty", KUBECONFIG=str(api))
    Api.failing = 10**6
    told = small.inv("secret.list", "--context", "local", code=4)
    assert "cannot answer `GET" in told
    assert "500, etcd is gone" in told
    Api.failing = 0
    small.inv("secret.list", "--context", "local", "--json", KUBECONFIG=str(api))
    evidence.add(
        "fault", "`secret.list` on an API server that answers 500", "one error, exit 4; then it answers, exit 0"
    )


def test_an_answer_that_is_cut(api: Path) -> None:
    Api.answer = json.dumps(NODES).encode()
    with pytest.raises(MissingError, match="does not answer"):
        Cluster.connect(api, "local").request("GET", "/api/v1/nodes")


def test_busy_is_not_refused(api: Path) -> None:
    Api.failing = 1
    with pytest.raises(StillStartingError, match="500, etcd is gone"):
        Cluster.connect(api, "local").request("GET", "/api/v1/nodes")
