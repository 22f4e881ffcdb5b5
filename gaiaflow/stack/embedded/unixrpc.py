"""XML-RPC over a Unix socket with the standard library.

Airflow's environment, in which DAGs are tested, asks whether the stack runs and has no supervisor package.
"""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

TIMEOUT = 60


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> _Connection:  # noqa: ARG002 - the socket is the host
        return _Connection(self._path)


def connect(path: Path) -> xmlrpc.client.ServerProxy:
    """A client of the server that listens on a socket; nothing is sent yet."""
    return xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path))
