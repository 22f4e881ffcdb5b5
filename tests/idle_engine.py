"""A Docker engine that answers, has nothing and can pull nothing; it remembers what it was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

_ANSWERS = {"/version": {"ApiVersion": "1.44", "MinAPIVersion": "1.24"}, "/volumes": {"Volumes": []}}


@contextmanager
def engine() -> Iterator[tuple[str, list[str]]]:
    """Its address for ``DOCKER_HOST``, and the calls that it got, as ``GET /version``."""
    asked: list[str] = []

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = next((body for name, body in _ANSWERS.items() if self.path.endswith(name)), [])
            self.answer(200, known)

        def do_POST(self) -> None:
            self.answer(404, {"message": "no registry is within reach"})

        def answer(self, status: int, content: object) -> None:
            asked.append(f"{self.command} {self.path}")
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Engine)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
