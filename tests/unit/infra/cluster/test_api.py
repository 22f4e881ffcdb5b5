"""What the API's answers become: an API server of the test's own, which answers what it is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError, MissingError, StillStartingError
from gaiaflow.infra.cluster.api import Cluster


class Api(ThreadingHTTPServer):
    """Answers by method and path; what it was asked stands in `asked`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Api

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        missing = (404, {"message": "not found"})
        code, value = self.server.answers.get((self.command, self.path.partition("?")[0]), missing)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(value if isinstance(value, bytes) else json.dumps(value).encode())

    do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        return


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def connect(folder: Path, port: int) -> Cluster:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "local", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "config").write_text(json.dumps(config))
    return Cluster.connect(folder / "config", "local")


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Cluster:
    return connect(tmp_path, api.server_port)


ROLE = "/apis/rbac.authorization.k8s.io/v1/namespaces/n/roles/r"
THING = {"kind": "Role", "metadata": {"namespace": "n", "name": "r"}}


def versioned(number: str) -> tuple[int, Any]:
    return 200, {"metadata": {"resourceVersion": number}}


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        ((404, {"message": "no"}), versioned("1"), "created"),
        (versioned("1"), versioned("1"), "unchanged"),
        (versioned("1"), versioned("2"), "changed"),
    ],
)
def test_apply_says_what_became_of_it(api: Api, cluster: Cluster, before: Any, after: Any, became: str) -> None:
    api.answers = {("GET", ROLE): before, ("PATCH", ROLE): after}
    assert cluster.apply(THING) == became
    assert api.asked[-1] == ("PATCH", f"{ROLE}?fieldManager=gaiaflow&force=true", THING)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (401, GaiaflowError, "denied `PATCH .*`: because"),
        (403, GaiaflowError, "denied `PATCH .*`: because"),
        (409, GaiaflowError, "refused `PATCH .*`: because"),
        (422, GaiaflowError, "refused `PATCH .*`: because"),
        (429, StillStartingError, "cannot answer `PATCH .*` now: 429, because"),
        (500, StillStartingError, "cannot answer `PATCH .*` now: 500, because"),
        (404, MissingError, "has no such thing: because"),
    ],
)
def test_a_refusal_is_one_line_and_never_shows_what_was_sent(
    api: Api, cluster: Cluster, code: int, kind: type[GaiaflowError], message: str
) -> None:
    api.answers = {("PATCH", ROLE): (code, {"message": "because", "details": {"value": "hunter2"}})}
    with pytest.raises(GaiaflowError, match=message) as caught:
        cluster.apply({**THING, "data": {"password": "hunter2"}})
    assert isinstance(caught.value, kind)
    assert "hunter2" not in str(caught.value)
    assert "inv prodlocal." in caught.value.hint


def test_an_answer_that_is_no_json_is_explained_too(api: Api, cluster: Cluster) -> None:
    api.answers = {("GET", ROLE): (502, b"<html>bad gateway</html>")}
    with pytest.raises(GaiaflowError, match=r"cannot answer `GET .*` now: 502, Bad Gateway"):
        cluster.find("Role", "n", "r")


def test_a_server_that_is_gone_is_something_missing(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gone = connect(tmp_path, port)
    with pytest.raises(MissingError, match="the cluster `local` does not answer") as caught:
        gone.find("Role", "n", "r")
    assert caught.value.exit_code == 3
    assert not gone.is_ready()
    with pytest.raises(MissingError, match="is not ready after 0 s"):
        gone.wait_ready(0)


def test_ready_is_a_node_that_says_so(api: Api, cluster: Cluster) -> None:
    node = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    api.answers = {("GET", "/api/v1/nodes"): (200, {"items": [node, {"status": {}}]})}
    assert not cluster.is_ready()
    node["status"]["conditions"][0]["status"] = "True"
    assert cluster.is_ready()


def test_pods_are_removed_by_label(api: Api, cluster: Cluster) -> None:
    pods = "/api/v1/namespaces/n/pods"
    api.answers = {
        ("GET", pods): (200, {"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}),
        ("DELETE", f"{pods}/a"): (200, {}),
    }
    assert cluster.delete_pods("n", "dag_id=d") == ["a"]
    assert ("GET", f"{pods}?labelSelector=dag_id%3Dd", None) in api.asked


def test_no_such_context(api: Api, tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(MissingError, match="no kube context `other`"):
        Cluster.connect(tmp_path / "config", "other")
    with pytest.raises(MissingError, match="no kube context `local`"):
        Cluster.connect(tmp_path / "none", "local")
