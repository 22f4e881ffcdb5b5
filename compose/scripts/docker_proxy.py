"""A door to the Docker engine that lets through what dev_docker needs for its tasks' containers, nothing else.

Allowed, each with or without the API's version in front:

    GET     /_ping, /version
    GET     /images/json, /images/NAME/json
    POST    /containers/create           checked, see below
    GET     /containers/ID/json, /logs, /archive
    HEAD    /containers/ID/archive
    POST    /containers/ID/start, /wait, /stop, /kill, /attach
    PUT     /containers/ID/archive
    DELETE  /containers/ID

A container may be created only on the stack's network, without mounts of the host, devices, capabilities,
privileges or ports; it gets a label, and every other request works only on containers with that label. So a
task can run any image that is on this machine, and see and change only the containers of this project's tasks;
it cannot pull, build, exec, or reach the stack's other containers through the engine.

One request a connection: the answer is passed on until the engine closes. Stdlib only.
"""

import http.client
import json
import os
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

SOCKET = os.environ.get("GAIAFLOW_DOCKER_SOCKET", "/var/run/docker.sock")
LABEL = "gaiaflow.task-of"
ID = r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]*)"
OPEN = [
    ("GET", r"/_ping"),
    ("HEAD", r"/_ping"),
    ("GET", r"/version"),
    ("GET", r"/images/json"),
    ("GET", r"/images/[A-Za-z0-9][A-Za-z0-9_./:@-]*/json"),
]
OWN = [
    ("GET", rf"/containers/{ID}/(?:json|logs|archive)"),
    ("HEAD", rf"/containers/{ID}/archive"),
    ("POST", rf"/containers/{ID}/(?:start|wait|stop|kill|attach)"),
    ("PUT", rf"/containers/{ID}/archive"),
    ("DELETE", rf"/containers/{ID}"),
]
CREATE = ("POST", "/containers/create")
# What describes a container; no other spelling, because the engine reads keys without regard to case.
_PROCESS = {
    "Cmd",
    "Entrypoint",
    "Env",
    "Hostname",
    "Domainname",
    "Image",
    "Labels",
    "User",
    "WorkingDir",
    "Shell",
}
_STREAMS = {"AttachStderr", "AttachStdin", "AttachStdout", "OpenStdin", "StdinOnce", "Tty"}
_ENDING = {"Healthcheck", "StopSignal", "StopTimeout"}
_PLACES = {"ExposedPorts", "HostConfig", "MacAddress", "NetworkDisabled", "NetworkingConfig", "Volumes"}
KNOWN = {*_PROCESS, *_STREAMS, *_ENDING, *_PLACES}
# What a container may ask of the host; everything else must be empty.
_LIMITS = {
    "CpuCount",
    "CpuPercent",
    "CpuPeriod",
    "CpuQuota",
    "CpuShares",
    "NanoCpus",
    "BlkioWeight",
    "PidsLimit",
}
_MEMORY = {
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "MemorySwappiness",
    "OomKillDisable",
    "OomScoreAdj",
    "ShmSize",
}
_INSIDE = {"AutoRemove", "CapDrop", "ConsoleSize", "Init", "LogConfig", "ReadonlyRootfs", "Tmpfs", "Ulimits"}
_NAMES = {"Dns", "DnsOptions", "DnsSearch", "ExtraHosts"}
HARMLESS = {*_LIMITS, *_MEMORY, *_INSIDE, *_NAMES, "DeviceRequests"}
LARGEST_CREATE = 4 * 1024 * 1024
CHUNK = 65536


class RefusedError(Exception):
    """The request is none of those that the door lets through."""


class EngineConnection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self) -> None:
        super().__init__("localhost")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(SOCKET)


def plain_path(target: str) -> str:
    """The path without its version; refused when it is not written plainly."""
    path = urlsplit(target).path
    if unquote(path) != path and not path.startswith("/images/"):
        raise RefusedError("the path is escaped")
    path = re.sub(r"^/v1\.\d+(?=/)", "", unquote(path))
    if ".." in path or "//" in path:
        raise RefusedError("the path is not plain")
    return path


def check(method: str, target: str) -> None:
    """Raise RefusedError unless the request is allowed.

    Requests on one container are allowed when the container is a task's of this project.
    """
    path = plain_path(target)
    if (method, path) == CREATE or _matches(OPEN, method, path):
        return
    found = _matches(OWN, method, path)
    if not found:
        raise RefusedError(f"{method} {path} is not among what dev_docker needs")
    if not is_own(found["id"]):
        raise RefusedError(f"container {found['id']} is not a task's of this project")


def _matches(rules: list[tuple[str, str]], method: str, path: str) -> "re.Match[str] | None":
    for allowed, pattern in rules:
        found = re.fullmatch(pattern, path) if method == allowed else None
        if found:
            return found
    return None


def is_own(container: str) -> bool:
    """Whether the container was created through this door for this project."""
    connection = EngineConnection()
    try:
        connection.request("GET", f"/containers/{quote(container, safe='')}/json")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    labels = json.loads(body)["Config"].get("Labels") or {} if answer.status == 200 else {}
    return labels.get(LABEL) == os.environ["GAIAFLOW_PROJECT_ID"]


def checked_create(body: bytes) -> bytes:
    """The body of a create request with our label, or Refused."""
    try:
        wanted = json.loads(body)
        host = dict(wanted.get("HostConfig") or {})
        networking = dict(wanted.get("NetworkingConfig") or {})
        networks = set(networking.get("EndpointsConfig") or {})
        wanted["Labels"] = {**(wanted.get("Labels") or {}), LABEL: os.environ["GAIAFLOW_PROJECT_ID"]}
    except (ValueError, AttributeError, TypeError):
        raise RefusedError("the container's description is not an object") from None
    if unknown := (set(wanted) - KNOWN) | (set(networking) - {"EndpointsConfig"}):
        raise RefusedError(f"{min(unknown)} is not known")
    if wanted.get("Volumes"):
        raise RefusedError("a task's container has no volumes")
    _check_host(host)
    network = os.environ["GAIAFLOW_NETWORK"]
    if host.get("NetworkMode") not in (network, "none") or not networks <= {network}:
        raise RefusedError(f"a task's container belongs on the network {network}")
    wanted["HostConfig"] = {**host, "SecurityOpt": ["no-new-privileges:true"]}
    return json.dumps(wanted).encode()


def _check_host(host: dict[str, Any]) -> None:
    for key, value in host.items():
        if key not in HARMLESS and key != "NetworkMode" and not _is_empty(key, value):
            raise RefusedError(f"HostConfig.{key} is not allowed")
    if (host.get("LogConfig") or {}).get("Type") not in (None, "", "json-file", "local", "none"):
        raise RefusedError("HostConfig.LogConfig sends logs elsewhere")


def _is_empty(key: str, value: Any) -> bool:
    if key == "RestartPolicy":
        return not value or value.get("Name") in ("", "no")
    return not value or (isinstance(value, str) and value in ("default", "private"))


class Door(BaseHTTPRequestHandler):
    """Checks one request, passes it on, and passes the answer back."""

    protocol_version = "HTTP/1.1"
    timeout = 3600

    def do(self) -> None:
        self.close_connection = True
        try:
            check(self.command, self.path)
            body = self._body_of_create() if plain_path(self.path) == CREATE[1] else None
            self._pass(body)
        except RefusedError as refusal:
            self._refuse(403, str(refusal))
        except OSError as error:
            self._refuse(502, f"the engine does not answer: {error}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do  # noqa: N815 - names of the standard library

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise RefusedError("the length is no number")
        return int(length)

    def _body_of_create(self) -> bytes:
        if self.headers.get("Transfer-Encoding") or self._length() > LARGEST_CREATE:
            raise RefusedError("the container's description is too large or has no length")
        return checked_create(self.rfile.read(self._length()))

    def _pass(self, body: "bytes | None") -> None:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with engine:
            engine.connect(SOCKET)
            engine.sendall(self._head(None if body is None else len(body)))
            if body is not None:
                engine.sendall(body)
            elif self.headers.get("Transfer-Encoding"):
                self._pass_chunks(engine)
            else:
                self._pass_bytes(engine, self._length())
            self._pass_answer(engine)

    def _head(self, length: "int | None") -> bytes:
        """The request's head; the engine closes after its answer, so no second request can follow it."""
        lines = [f"{self.command} {self.path} HTTP/1.1", "Host: docker", "Connection: close"]
        passed = ("Content-Type", "Accept")
        lines += [f"{name}: {self.headers[name]}" for name in passed if name in self.headers]
        if length is None and self.headers.get("Transfer-Encoding"):
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {self._length() if length is None else length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _pass_bytes(self, engine: socket.socket, left: int) -> None:
        while left:
            block = self.rfile.read(min(left, CHUNK))
            if not block:
                raise RefusedError("the request ended early")
            engine.sendall(block)
            left -= len(block)

    def _pass_chunks(self, engine: socket.socket) -> None:
        size = -1
        while size:
            line = self.rfile.readline(1024)
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise RefusedError("a chunk has no size") from None
            if size < 0:
                raise RefusedError("a chunk has no size")
            engine.sendall(f"{size:x}\r\n".encode())
            self._pass_bytes(engine, size)
            self.rfile.readline(1024)
            engine.sendall(b"\r\n")

    def _pass_answer(self, engine: socket.socket) -> None:
        while block := engine.recv(CHUNK):
            self.connection.sendall(block)

    def _refuse(self, status: int, why: str) -> None:
        self.log_message("refused: %s", why)
        body = json.dumps({"message": f"gaiaflow's door to the engine: {why}"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: "int | str" = "-", size: "int | str" = "-") -> None:
        """Say nothing of what is allowed."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2375
    ThreadingHTTPServer(("", port), Door).serve_forever()
