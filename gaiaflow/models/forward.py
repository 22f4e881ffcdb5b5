"""Carry TCP connections from loopback to a ready pod of a deployed model: a process of its own.

``python -m gaiaflow.models.forward RECORD PORT NAMESPACE SELECTOR TARGET CONTEXT [KUBECONFIG]`` listens on
127.0.0.1 until RECORD is removed. Each connection goes to a pod that is ready then, through the API server.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, ClassVar

from gaiaflow.endpoints import LOOPBACK
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.forward import CHUNK, LISTENING, LOOK_SECONDS


class Connection(BaseRequestHandler):
    """One connection; while no pod is ready it is closed at once."""

    namespace: ClassVar[str]
    selector: ClassVar[str]
    target: ClassVar[int]
    access: ClassVar[tuple[Path | None, str]]

    def handle(self) -> None:
        try:
            # A client of its own: while the SDK opens a port, it cannot do anything else.
            cluster = Cluster.connect(*self.access)
            carry(self.request, cluster.forward(self.namespace, self._pod(cluster), self.target))
        except (GaiaflowError, OSError) as error:
            sys.stdout.write(f"{error}\n")
            sys.stdout.flush()

    def _pod(self, cluster: Cluster) -> str:
        for pod in cluster.find_all("Pod", self.namespace, self.selector):
            if is_ready(pod):
                return str(pod["metadata"]["name"])
        raise MissingError(f"no pod of `{self.selector}` is ready", "inv prodlocal.status")


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether it answers and is not about to end."""
    conditions = pod["status"].get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def carry(one: socket.socket, other: socket.socket) -> None:
    """Both directions, until either side is done."""
    ways = {one: other, other: one}
    try:
        while True:
            for source in select.select([one, other], [], [])[0]:
                data = source.recv(CHUNK)
                if not data:
                    return
                ways[source].sendall(data)
    finally:
        other.close()


class Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main(record: Path, port: int) -> None:
    with Server((LOOPBACK, port), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{LISTENING}\n")
        sys.stdout.flush()
        while record.is_file():
            time.sleep(LOOK_SECONDS)
        server.shutdown()


if __name__ == "__main__":
    _, _record, _port, Connection.namespace, Connection.selector, _target, _context, *_config = sys.argv
    Connection.target = int(_target)
    Connection.access = (Path(_config[0]) if _config else None, _context)
    main(Path(_record), int(_port))
