"""The user's browser, and a page on loopback that hands it a session: once, and to nobody else.

A browser is given an address in its argument list, which every user of the machine can read, and keeps it in
its history. So that address holds a word that is good for one visit, and the secret goes in the answer.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from gaiaflow.endpoints import LOOPBACK

# So long a browser may take to start and to come.
PATIENCE = 60.0


def has_browser() -> bool:
    """Whether there is a browser with a window; one inside the terminal is of no use here."""
    if not (os.environ.get("BROWSER") or sys.platform == "darwin" or _has_screen()):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _has_screen() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))


def open_page(url: str, cookie: str = "", patience: float = PATIENCE) -> bool:
    """Open an address that may hold a secret, without showing it to anyone; whether the browser came.

    Args:
        cookie: ``name=value`` that the browser gets for the host of the address.
        patience: seconds to wait for the browser.
    """
    with Handoff(url, cookie) as handoff:
        begun = webbrowser.open(handoff.address)
        return handoff.taken.wait(patience if begun else 0)


class Handoff(ThreadingHTTPServer):
    """Answers one visit of a process of this user with a redirect, and nothing else.

    Attributes:
        address: where it waits; good for one visit.
        taken: set once it was visited.
    """

    daemon_threads = True

    def __init__(self, url: str, cookie: str = "") -> None:
        super().__init__((LOOPBACK, 0), _Visit)
        self.url, self.cookie = url, cookie
        self.taken = threading.Event()
        self._path = f"/{secrets.token_urlsafe(32)}"
        self._turn = threading.Lock()
        self.address = f"http://{LOOPBACK}:{self.server_address[1]}{self._path}"

    def __enter__(self) -> Handoff:
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def admits(self, path: str, port: int) -> bool:
        """Whether this visit is the one; no later one is."""
        with self._turn:
            meant = secrets.compare_digest(path.encode(), self._path.encode())
            if not meant or self.taken.is_set() or not is_ours(port):
                return False
            self.taken.set()
            return True


class _Visit(BaseHTTPRequestHandler):
    server: Handoff

    def do_GET(self) -> None:
        if not self.server.admits(self.path, self.client_address[1]):
            self.send_error(404)
            return
        self.send_response(302)
        self.send_header("Location", self.server.url)
        if self.server.cookie:
            self.send_header("Set-Cookie", f"{self.server.cookie}; Path=/; HttpOnly; SameSite=Lax")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing of it belongs into a log."""


def is_ours(port: int) -> bool:
    """Whether the socket on this port of loopback is of this user; also where the system does not say."""
    table = Path("/proc/net/tcp")
    rows = table.read_text(encoding="utf-8").splitlines()[1:] if table.exists() else []
    owners = {int(row.split()[7]) for row in rows if _local_port(row) == port}
    return not table.exists() or owners == {os.getuid()}


def _local_port(row: str) -> int:
    return int(row.split()[1].rpartition(":")[2], 16)
