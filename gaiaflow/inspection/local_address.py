"""Finds what belongs to this machine only: its addresses, the stack's names, keys that the world knows."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gaiaflow.endpoints import ALIASES, PORTS, SERVICES
from gaiaflow.runner import CALL

_SERVICE = "|".join(map(re.escape, [*SERVICES, *ALIASES]))
_PORT = "|".join(sorted({str(port) for entry in PORTS.values() for port in (entry.port, entry.inner_port)}))
_MACHINE = (
    r"localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0(?!/)|\[::1\]|host\.(?:minikube|docker|containers)\.internal"
)
_FOUND = re.compile(
    rf"(?<![\w.-])(?:{_MACHINE})(?::\d+)?(?![\w-]|\.\w)"
    rf"|(?<=://)(?:{_SERVICE})(?::\d+)?(?![\w.:-])"
    rf"|(?<![\w./:-])(?:{_SERVICE}):(?:{_PORT})(?!\w)"
    r"|minioadmin|minio123",
    re.IGNORECASE,
)
# The host of these is a bucket.
_BUCKET = re.compile(r"\bs3[an]?://[^/\s]+", re.IGNORECASE)


def local_addresses(text: str, allowed: Collection[str] = ()) -> list[str]:
    """The local addresses in a text, each once, without those that are allowed with or without their port."""
    found = dict.fromkeys(_FOUND.findall(_BUCKET.sub("", text)))
    return [name for name in found if name not in allowed and name.partition(":")[0] not in allowed]


def local_values(value: Any, allowed: Collection[str] = (), where: str = "") -> Iterator[tuple[str, str]]:
    """Where in a pod, or in arguments, local addresses stand: ``("env U", "localhost:5000")``."""
    if isinstance(value, Mapping):
        if set(value) >= {"name", "value"}:
            yield from _variable(str(value["name"]), value["value"], allowed)
            return
        for key, item in value.items():
            yield from local_values(item, allowed, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from local_values(item, allowed, where)
    elif isinstance(value, str):
        yield from ((where, address) for address in local_addresses(value, allowed))


def _variable(name: str, value: Any, allowed: Collection[str]) -> Iterator[tuple[str, str]]:
    """A variable of a container; the one with the task's call is JSON, and its arguments are named."""
    if name == CALL:
        return local_values(json.loads(value), allowed)
    return local_values(value, allowed, f"env {name}")
