"""This machine as an address: requests to it, and to the stack's own names, never go through a proxy."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

HOSTS = ("127.0.0.1", "localhost", "::1")
_VARIABLES = ("NO_PROXY", "no_proxy")


def opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """An opener that uses no proxy, whatever the environment says."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def no_proxy(environment: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
    """Both spellings of NO_PROXY with all hosts of both, loopback and these names.

    urllib and requests let the lower-case one win, Go's clients the upper-case one: only the union in both
    means the same to every program.
    """
    listed = [host.strip() for variable in _VARIABLES for host in environment.get(variable, "").split(",")]
    hosts = ",".join(dict.fromkeys(host for host in [*listed, *HOSTS, *names] if host))
    return dict.fromkeys(_VARIABLES, hosts)
