"""A Docker engine by hand; like moby it looks for a full id, then for a name, then for the start of an id."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Moby:
    """What the engine has, and what was asked of it.

    Attributes:
        containers: by full id: the name and the labels.
        users: of images, by name.
        seen: method, address and body of each request.
        after_inspect: runs once, between the next look at a container and the answer.
        open: how many requests are being answered.
    """

    containers: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    after_inspect: Any = None
    ending: threading.Event = field(default_factory=threading.Event)
    open: int = 0

    def find(self, reference: str) -> str | None:
        if reference in self.containers:
            return reference
        names = [full for full, (name, _) in self.containers.items() if name == reference]
        starts = [full for full in self.containers if full.startswith(reference)]
        return names[0] if names else starts[0] if len(starts) == 1 else None

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        parts = path.removeprefix("/v1.41").strip("/").split("/")
        if parts[0] == "images":
            name = "/".join(parts[1:-1])
            return (200, {"Config": {"User": self.users.get(name, "")}}) if name != "absent" else (404, {})
        if parts[0] != "containers" or parts[1] == "create":
            return (201, {"Id": "f" * 64}) if parts[-1] == "create" else (200, {})
        full = self.find(parts[1])
        if full is None:
            return 404, {"message": "No such container"}
        name, labels = self.containers[full]
        if method == "GET" and parts[-1] == "json":
            return 200, {"Id": full, "Name": name, "Config": {"Labels": labels}}
        return 200, {"done": full}

    def inspected(self) -> None:
        then, self.after_inspect = self.after_inspect, None
        if then:
            then()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self) -> None:
        moby: Moby = self.server.moby  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        moby.seen.append((self.command, self.path, body))
        moby.open += 1
        path = unquote(urlsplit(self.path).path)
        status, said = moby.answer(self.command, path)
        if path.endswith("/json"):
            moby.inspected()
        try:
            self._say(status, said, path, moby)
        except OSError:
            self.close_connection = True
        finally:
            moby.open -= 1

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = do  # noqa: N815

    def _say(self, status: int, said: Any, path: str, moby: Moby) -> None:
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if path.endswith(("/wait", "/attach")):
            self._silent_until_closed(moby)
        self.wfile.write(text)

    def _silent_until_closed(self, moby: Moby) -> None:
        """As long as the container runs: until the test ends it, or the other side goes away."""
        while not moby.ending.wait(0.02):
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1):
                raise ConnectionResetError

    def address_string(self) -> str:
        return "moby"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        return


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    moby: Moby


@contextmanager
def listening(path: Path) -> Iterator[Moby]:
    """The engine at a socket."""
    with _Server(str(path), _Handler) as server:
        server.moby = Moby()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.moby
        server.moby.ending.set()
        server.shutdown()
