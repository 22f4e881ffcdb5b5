"""One request a connection: check it, pass it on rebuilt, pass the answer back."""

import json
import re
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import container, relay, routes
from .engine import Engine
from .refusal import RefusedError

LARGEST_CREATE = 4 * 1024 * 1024
# For the next bytes of a request.
CLIENT_SECONDS = 60
# For an answer that does not wait for a container to end.
ENGINE_SECONDS = 300
# A client whose machine or namespace is gone says no goodbye: after 60 s the kernel asks three times.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class Proxy(ThreadingHTTPServer):
    """Listens for the scheduler of one project.

    Args:
        project: the project's id; its label decides which containers are seen.
        network: the network of its stack.
        folders: the mounts that its tasks may have.
    """

    def __init__(
        self,
        address: tuple[str, int],
        engine: Engine,
        project: str,
        network: str,
        folders: "list[dict[str, Any]] | None" = None,
    ) -> None:
        self.engine, self.project, self.network, self.folders = engine, project, network, folders or []
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Proxy
    protocol_version = "HTTP/1.1"
    timeout = CLIENT_SECONDS

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                self.connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def do(self) -> None:
        self.close_connection = True
        try:
            self._serve()
        except RefusedError as refusal:
            self._refuse(refusal.status, str(refusal))
        except Exception as error:  # noqa: BLE001 - whatever a request breaks here, it goes no further
            self._refuse(HTTPStatus.FORBIDDEN, f"the request cannot be read: {type(error).__name__}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do  # noqa: N815 - names of the standard library

    def _serve(self) -> None:
        if self.request_version == "HTTP/0.9":
            raise RefusedError("the request has no version")
        target = routes.find(self.command, self.path)
        length = self._length()
        body = self._create(length) if target.route is routes.CREATE else b""
        full = self.server.engine.own_id(target.container, self.server.project) if target.container else ""
        passed = length if target.route.body else 0
        with self.server.engine.connect(ENGINE_SECONDS) as engine:
            engine.sendall(self._head(target.address(full), len(body) or passed) + body)
            relay.pass_body(self.rfile, engine, passed)
            silence = None if target.route.waits else ENGINE_SECONDS
            self._pass_answer(engine, silence)

    def _length(self) -> int:
        said = ",".join(self.headers.get_all("Content-Length", ["0"]))
        if self.headers.get("Transfer-Encoding") or not re.fullmatch("[0-9]{1,18}", said):
            raise RefusedError("the request does not say its length")
        return int(said)

    def _create(self, length: int) -> bytes:
        """The rebuilt description of a container."""
        if length > LARGEST_CREATE:
            raise RefusedError("the description of the container is too large")
        own = (self.server.project, self.server.network, self.server.folders)
        made = container.create_request(self.rfile.read(length), *own)
        container.settle_user(made, self.server.engine.user_of(made["Image"]))
        return json.dumps(made).encode()

    def _head(self, address: str, length: int) -> bytes:
        """The engine closes after its answer, so no second request can follow this one."""
        kind = "application/x-tar" if self.command == "PUT" else "application/json"
        lines = (
            f"{self.command} {address} HTTP/1.1",
            "Host: docker",
            "Connection: close",
            f"Content-Type: {kind}",
            f"Content-Length: {length}",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def _pass_answer(self, engine: socket.socket, silence: "float | None") -> None:
        """Once the answer has begun, an error can only end it."""
        try:
            if relay.pass_answer(engine, self.connection, silence) or silence is None:
                return
        except OSError:
            return
        raise RefusedError("the engine does not answer in time", HTTPStatus.BAD_GATEWAY)

    def send_error(self, code: int, message: "str | None" = None, explain: "str | None" = None) -> None:  # noqa: ARG002
        """What the standard library cannot read is refused like everything else."""
        self._refuse(HTTPStatus.FORBIDDEN, f"the request cannot be read: {message or code}")

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True
        self.log_message("refused: %s", ascii(why[:300]))
        body = json.dumps({"message": f"gaiaflow's Docker socket proxy: {why}"}).encode()
        head = (
            f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.wfile.write(head.encode("ascii") + (b"" if self.command == "HEAD" else body))
        relay.linger(self.connection)

    def log_request(self, code: "int | str" = "-", size: "int | str" = "-") -> None:
        """Say nothing of what is allowed."""
