"""The Docker socket proxy in this process: its modules, and one that runs in front of any engine's socket."""

from __future__ import annotations

import http.client
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gaiaflow.infra.host.shipped import shipped

sys.path.insert(0, str(shipped("compose") / "scripts"))

from docker_proxy import container, engine, mount, refusal, relay, routes, server  # type: ignore[import-not-found]

__all__ = [
    "ask",
    "container",
    "create",
    "description",
    "engine",
    "mount",
    "refusal",
    "relay",
    "routes",
    "running",
    "server",
]

NAME = "flow-task-0123456789ab"


@contextmanager
def running(path: str, project: str, network: str, folders: str = "") -> Iterator[int]:
    """The port of a proxy.

    Args:
        folders: what ``GAIAFLOW_DATA`` says.
    """
    declared = mount.declared(folders)
    proxy = server.Proxy(("127.0.0.1", 0), engine.Engine(path), project, network, declared)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield proxy.server_address[1]
    finally:
        proxy.shutdown()
        proxy.server_close()


def ask(port: int, method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, address, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def create(port: int, body: bytes, name: str = NAME) -> tuple[int, dict[str, Any]]:
    """Ask for a container."""
    status, answer = ask(port, "POST", f"/v1.41/containers/create?name={name}", body)
    return status, json.loads(answer)


def description(network: str, host: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    """What the operator asks for, and more."""
    return json.dumps({"Image": "x", **more, "HostConfig": {"NetworkMode": network, **(host or {})}}).encode()
