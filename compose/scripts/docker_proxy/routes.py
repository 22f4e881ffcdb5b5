"""The requests that pass, as a table, and the address that goes to the engine, rebuilt from it."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from .container import IMAGE
from .refusal import RefusedError

# Before 1.41 the cgroup namespace is the host's; before 1.24 `start` takes a description with privileges.
OLDEST_VERSION = 41
# DAG-TASK-0123456789ab, as gaiaflow/operators/container_name.py makes it: a name is an address on the network.
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?"
NAME = rf"{_PART}-{_PART}-[0-9a-f]{{12}}"
_CONTAINER = r"/containers/(?P<container>[A-Za-z0-9][A-Za-z0-9_.-]{0,254})"
_NO = ("", "0", "no", "false", "none")


@dataclass(frozen=True)
class Route:
    """One line of the table.

    Attributes:
        query: the parameters that may be there.
        waits: the answer may be silent for as long as the container runs.
        body: whether bytes of the client's go to the engine as they are.
    """

    method: str
    path: str
    query: frozenset[str] = frozenset()
    waits: bool = False
    body: bool = False


def _route(method: str, path: str, query: str = "", waits: bool = False, body: bool = False) -> Route:
    return Route(method, path, frozenset(query.split()), waits, body)


CREATE = _route("POST", "/containers/create", "name")
REMOVE = _route("DELETE", _CONTAINER, "v force link")
ROUTES = (
    _route("GET", "/_ping"),
    _route("HEAD", "/_ping"),
    _route("GET", "/version"),
    _route("GET", rf"/images/(?P<image>{IMAGE})/json"),
    CREATE,
    _route("GET", f"{_CONTAINER}/json"),
    _route("GET", f"{_CONTAINER}/logs", "stdout stderr timestamps follow tail since until", waits=True),
    _route("GET", f"{_CONTAINER}/archive", "path"),
    _route("HEAD", f"{_CONTAINER}/archive", "path"),
    _route("PUT", f"{_CONTAINER}/archive", "path", body=True),
    _route("POST", f"{_CONTAINER}/start"),
    _route("POST", f"{_CONTAINER}/wait", "condition", waits=True),
    _route("POST", f"{_CONTAINER}/stop", "t signal", waits=True),
    _route("POST", f"{_CONTAINER}/kill", "signal"),
    _route("POST", f"{_CONTAINER}/attach", "logs stream stdout stderr", waits=True),
    REMOVE,
)


@dataclass(frozen=True)
class Target:
    """An address that passes.

    Attributes:
        version: ``/v1.44``, or empty for the engine's newest.
        path: without the version, unescaped.
        container: what the client calls the container; the engine never gets this.
    """

    route: Route
    version: str
    path: str
    container: str = ""
    query: dict[str, str] = field(default_factory=dict)

    def address(self, container_id: str = "") -> str:
        """What the engine gets; in the place of the container's name stands its full id."""
        path = self.path
        if self.container:
            path = "/containers/" + container_id + path.removeprefix("/containers/" + self.container)
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{self.version}{quote(path, safe='/:')}{query}"


def find(method: str, address: str) -> Target:
    """The target of a request.

    Raises:
        RefusedError: it is not in the table.
    """
    path, _, query = address.partition("?")
    version, path = _split_version(path)
    path = unquote(path, errors="strict")
    for route in ROUTES:
        match = re.fullmatch(route.path, path) if method == route.method else None
        if match:
            container = match.groupdict().get("container") or ""
            return Target(route, version, path, container, _query(route, query))
    raise RefusedError(f"{method} {path} is not among the requests that dev_docker needs")


def _split_version(path: str) -> tuple[str, str]:
    match = re.match(r"/v1\.([0-9]{1,3})(?=/)", path)
    if not match:
        return "", path
    if int(match[1]) < OLDEST_VERSION:
        raise RefusedError(f"version 1.{match[1]} of the API is too old: 1.{OLDEST_VERSION} or newer")
    return match[0], path[match.end() :]


def _query(route: Route, text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RefusedError("a parameter is there twice")
    if unknown := found.keys() - route.query:
        raise RefusedError(f"the parameter `{min(unknown)}` is not allowed")
    return _checked(route, found)


def _checked(route: Route, found: dict[str, str]) -> dict[str, str]:
    if route is CREATE and not re.fullmatch(NAME, found.get("name", "")):
        raise RefusedError("a task's container is called DAG-TASK-0123456789ab, as gaiaflow names it")
    if route is REMOVE:
        if found.get("link", "").lower() not in _NO:
            raise RefusedError("the parameter `link` is not allowed")
        # Its anonymous volumes go with it: nothing else would find them.
        return {"v": "1", "force": "0" if found.get("force", "").lower() in _NO else "1"}
    return found
