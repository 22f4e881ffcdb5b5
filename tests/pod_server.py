"""A fake of Kubernetes' API server on loopback: pods that are made, asked for, listed, watched and deleted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMESPACE = "mine"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


def pod(name: str, phase: str = "Running", exit_code: int | None = None, **status: Any) -> dict[str, Any]:
    """A pod whose function runs, or ended, with 32 KiB of environment."""
    ended = {"terminated": {"exitCode": exit_code, "reason": "Completed"}}
    state = {"running": {}} if exit_code is None else ended
    base = {"name": "base", "image": "p/p:1", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    containers = [] if phase == "Pending" else [base]
    environment = [{"name": "GAIAFLOW_CALL", "value": "x" * 2**15}]
    labels = {"app.kubernetes.io/managed-by": "gaiaflow"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name, "labels": labels},
        "spec": {"containers": [{"name": "base", "image": "p/p:1", "env": environment}]},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


class Server:
    """The API server, in a thread.

    Attributes:
        requests: how many there were, by kind: create, get, list, watch, patch, delete, log, events.
        made: what takes each pod that a client makes.
        refused: verbs that it answers with 403.
        oldest: from which version on it remembers what happened.
        silent: whether it says nothing to who watches.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.pods: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.version = self.oldest = self.drops = 0
        self.silent = False
        self.made: Callable[[dict[str, Any]], None] = self.put
        self.news = threading.Condition()
        self._http = _Quiet(("127.0.0.1", 0), type("Bound", (_Handler,), {"api": self}))
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """What reaches it."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self._http.server_port}"}}],
            "users": [{"name": "fake", "user": {"token": "t"}}],
        }

    def put(self, *pods: dict[str, Any]) -> None:
        """Add pods, or change them."""
        for each in pods:
            known = each["metadata"]["name"] in self.pods
            self._happened("MODIFIED" if known else "ADDED", each)

    def delete(self, name: str) -> None:
        """Remove a pod, as it is."""
        if name in self.pods:
            self._happened("DELETED", self.pods[name])

    def drop(self) -> None:
        """End all requests that watch."""
        with self.news:
            self.drops += 1
            self.news.notify_all()

    def forget(self) -> None:
        """Remember nothing of what happened until now."""
        with self.news:
            self.oldest = self.version

    def close(self) -> None:
        self.drop()
        self._http.shutdown()
        self._http.server_close()

    def _happened(self, kind: str, each: dict[str, Any]) -> None:
        with self.news:
            self.version += 1
            each["metadata"]["resourceVersion"] = str(self.version)
            name = each["metadata"]["name"]
            if kind == "DELETED":
                del self.pods[name]
            else:
                self.pods[name] = each
            self.history.append((self.version, kind, each))
            self.news.notify_all()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that went away."""


def _is_over(each: dict[str, Any] | None) -> bool:
    return each is None or each["status"]["phase"] in ("Succeeded", "Failed")


def _has(each: dict[str, Any], labels: dict[str, str]) -> bool:
    found = each["metadata"].get("labels") or {}
    return all(found.get(name) == value for name, value in labels.items())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.endswith("/events"):
            self._answer("events", {"metadata": {"resourceVersion": "1"}, "items": []})
        elif url.path.endswith("/log"):
            self._log(url.path.split("/")[-2], asked.get("follow") == "True")
        elif url.path == _PODS and asked.get("watch"):
            self._watch(int(asked.get("resourceVersion", 0)), float(asked.get("timeoutSeconds", 60)))
        elif url.path == _PODS:
            self._list(int(asked.get("limit", 500)), asked.get("continue", ""), asked.get("labelSelector", ""))
        else:
            found = self.api.pods.get(url.path.rpartition("/")[2])
            self._answer("get", found or {"message": "not found"}, 200 if found else 404)

    def do_POST(self) -> None:
        each = self._body()
        each["metadata"] |= {"namespace": NAMESPACE, "uid": each["metadata"]["name"]}
        each["status"] = {"phase": "Pending"}
        self.api.made(each)
        self._answer("create", each, 201)

    def do_PATCH(self) -> None:
        self._body()
        self._answer("patch", self.api.pods.get(urlsplit(self.path).path.rpartition("/")[2], {}))

    def do_DELETE(self) -> None:
        self._body()
        self.api.delete(urlsplit(self.path).path.rpartition("/")[2])
        self._answer("delete", {})

    def _body(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}"))

    def _log(self, name: str, follow: bool) -> None:
        """One line; to who follows, once the pod has ended."""
        with self.api.news:
            while follow and not _is_over(self.api.pods.get(name)):
                self.api.news.wait(60)
        self._answer("log", "done")

    def _list(self, limit: int, after: str, selector: str) -> None:
        wanted = dict(part.split("=") for part in selector.split(",") if "=" in part and "!" not in part)
        with self.api.news:
            pods = {name: each for name, each in self.api.pods.items() if _has(each, wanted)}
        names = sorted(name for name in pods if name > after)
        token = names[limit - 1] if len(names) > limit else ""
        metadata = {"resourceVersion": str(self.api.version), "continue": token}
        self._answer("list", {"metadata": metadata, "items": [pods[name] for name in names[:limit]]})

    def _answer(self, verb: str, body: Any, status: int = 200) -> None:
        self.api.requests[verb] += 1
        if verb in self.api.refused:
            body, status = {"message": "forbidden"}, 403
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _watch(self, version: int, seconds: float) -> None:
        if "watch" in self.api.refused:
            return self._answer("watch", {})
        self.api.requests["watch"] += 1
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        ends, drops = time.monotonic() + seconds, self.api.drops
        while True:
            with self.api.news:
                if self._is_old(version):
                    self._event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})
                    break
                news = [] if self.api.silent else [e for e in self.api.history if e[0] > version]
                left = ends - time.monotonic()
                if self.api.drops > drops or left <= 0:
                    break
                if not news:
                    self.api.news.wait(left)
                    continue
            for _, kind, each in news:
                self._event(kind, each)
            version = news[-1][0]
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _is_old(self, version: int) -> bool:
        return version < self.api.oldest

    def _event(self, kind: str, each: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "object": each}).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
