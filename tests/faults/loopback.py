"""Servers of the tests' own on loopback: one that accepts and says nothing, a relay before another socket."""

from __future__ import annotations

import contextlib
import http.server
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        for one in kept:
            one.close()


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of an HTTP server with this handler."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Relay:
    """A Unix socket before another, which can be shut: as an engine that stops in the middle.

    Args:
        wanted: shuts itself when a chunk from the client fulfils this.
    """

    def __init__(self, path: Path, behind: str, wanted: Callable[[bytes], bool] = lambda _: False) -> None:
        self.path, self._behind, self._wanted = path, behind, wanted
        self.shut = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def close(self) -> None:
        self.shut.set()
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine, contextlib.suppress(OSError):
            if self.shut.is_set():
                return
            engine.connect(self._behind)
            ends = {client: engine, engine: client}
            while not self.shut.is_set():
                for ready in select.select(list(ends), [], [], 0.1)[0]:
                    chunk = ready.recv(65536)
                    if ready is client and self._wanted(chunk):
                        self.shut.set()
                        return
                    if not chunk:
                        return
                    ends[ready].sendall(chunk)
