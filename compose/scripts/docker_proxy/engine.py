"""The Docker engine behind its socket: connections with time-outs, and its word on a container or an image."""

import http.client
import json
import re
import socket
from typing import Any
from urllib.parse import quote

from .container import LABEL
from .refusal import RefusedError

CONNECT_SECONDS = 10
ANSWER_SECONDS = 30
LARGEST_ANSWER = 16 * 1024 * 1024
_FULL_ID = re.compile(r"[0-9a-f]{64}")


class Engine:
    """The engine behind one socket."""

    def __init__(self, path: str) -> None:
        self.path = path

    def connect(self, seconds: float) -> socket.socket:
        """A connection whose every step may last so long.

        Raises:
            RefusedError: nothing listens there.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(self.path)
        except OSError as error:
            connection.close()
            raise RefusedError(f"the engine does not answer: {error}", 502) from None
        connection.settimeout(seconds)
        return connection

    def own_id(self, container: str, project: str) -> str:
        """The full id of a container that was created through the proxy for this project.

        Args:
            container: an id, a name, or the beginning of an id. A moment later it may mean another container;
                the full id cannot.

        Raises:
            RefusedError: there is none, or it is not the project's.
        """
        found = self._get(f"/containers/{quote(container, safe='')}/json", f"No such container: {container}")
        labels, full = found["Config"].get("Labels") or {}, str(found["Id"])
        if labels.get(LABEL) != project or not _FULL_ID.fullmatch(full):
            raise RefusedError(f"container {container} is not a task's of this project")
        return full

    def user_of(self, image: str) -> str:
        """The user that an image names; empty where it names none."""
        found = self._get(f"/images/{quote(image, safe='/:')}/json", f"No such image: {image}")
        return str((found.get("Config") or {}).get("User") or "")

    def _get(self, address: str, missing: str) -> dict[str, Any]:
        connection = _Connection(self)
        try:
            connection.request("GET", address)
            answer = connection.getresponse()
            text = answer.read(LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(f"the engine does not answer: {error}", 502) from None
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            raise RefusedError(missing, 404)
        if answer.status != http.HTTPStatus.OK:
            raise RefusedError(f"the engine answers {answer.status}", 502)
        return dict(json.loads(text))


class _Connection(http.client.HTTPConnection):
    def __init__(self, engine: Engine) -> None:
        super().__init__("docker")
        self._engine = engine

    def connect(self) -> None:
        self.sock = self._engine.connect(ANSWER_SECONDS)
