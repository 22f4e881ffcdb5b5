"""Whether a pod is what Kubernetes takes: by the client's models, and by the rules that they leave out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from gaiaflow import envvar
from gaiaflow.testing.podstandard import violations

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
# What must never reach production: addresses of one machine, and the keys that the world knows.
_LOCAL = re.compile(r"127\.0\.0\.1|localhost|host\.minikube\.internal|minioadmin|minio123", re.IGNORECASE)


def problems(pod: Any, local_allowed: bool = False) -> list[str]:
    """What is wrong with a pod, each in one line.

    Unknown fields, missing required ones and wrong types by a round trip through the client's models of the
    API's schema; names, labels and variables by the API server's rules; the restricted security profile.
    """
    client: Any = import_module("kubernetes.client")
    api = client.ApiClient()
    wire = api.sanitize_for_serialization(pod)
    try:
        read = api.deserialize(SimpleNamespace(data=json.dumps(wire)), client.V1Pod)
    except (ValueError, TypeError) as error:
        return [f"not a pod: {error}"]
    back = api.sanitize_for_serialization(read)
    found = list(_lost("pod", wire, back))
    found += [*_names(wire), *_security(wire)]
    return found if local_allowed else [*found, *_local_values(wire)]


def _lost(where: str, given: Any, kept: Any) -> Iterator[str]:
    """Fields that the schema does not have, and values that it reads otherwise."""
    if isinstance(given, Mapping) and isinstance(kept, Mapping):
        for key, value in given.items():
            if value in ({}, []):
                continue
            yield from _lost(f"{where}.{key}", value, kept.get(key, "nothing"))
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(f"{where}[{number}]", one, other)
    elif given != kept or type(given) is not type(kept):
        yield f"{where} is {given!r}, which the schema reads as {kept!r}"


def _names(pod: Mapping[str, Any]) -> Iterator[str]:
    meta, spec = pod["metadata"], pod["spec"]
    name = str(meta.get("name", ""))
    if not _NAME.fullmatch(name) or len(name) > 253:
        yield f"metadata.name is {name!r}"
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL.fullmatch(value) or len(value) > 63 or not _LABEL.fullmatch(key.rpartition("/")[2]):
            yield f"the label {key!r} is {value!r}"
    for container in spec["containers"]:
        if not _NAME.fullmatch(container["name"]) or not container.get("image"):
            yield f"container {container['name']!r} has the image {container.get('image')!r}"
        for variable in container.get("env") or ():
            if not _VARIABLE.fullmatch(variable["name"]):
                yield f"the variable {variable['name']!r} has a name that Kubernetes refuses"


def _security(pod: Mapping[str, Any]) -> Iterator[str]:
    """The level `restricted`, which a namespace may enforce, and a token that no function needs."""
    yield from violations(pod)
    if pod["spec"].get("automountServiceAccountToken") is not False:
        yield "a token of the service account is mounted"


def _local_values(pod: Mapping[str, Any]) -> Iterator[str]:
    for container in pod["spec"]["containers"]:
        for variable in container.get("env") or ():
            value = str(variable.get("value", ""))
            if not variable["name"].startswith(envvar.PREFIX) and _LOCAL.search(value):
                yield f"the variable {variable['name']} holds a local address or a known key"
