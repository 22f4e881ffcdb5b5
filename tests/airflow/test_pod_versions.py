"""The table of the fields of pods, against the schemas of each Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from gaiaflow import podversion
from tests import pod_form

ROOT = "io.k8s.api.core.v1.PodSpec"


def fields(minor: int) -> set[str]:
    """Every path in the spec of a pod that this Kubernetes knows."""
    schemas = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    text = (schemas / f"v1.{minor}.0-local" / "_definitions.json").read_text()
    return {
        podversion.short(path) for path in _walk({"$ref": ROOT}, json.loads(text)["$defs"], "", frozenset())
    }


def _walk(
    schema: Mapping[str, Any], known: Mapping[str, Any], path: str, inside: frozenset[str]
) -> Iterator[str]:
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in inside:
            yield from _walk(known[name], known, path, inside | {name})
    elif "items" in schema:
        yield from _walk(schema["items"], known, f"{path}[]", inside)
    else:
        for field, inner in schema.get("properties", {}).items():
            place = f"{path}.{field}" if path else field
            yield place
            yield from _walk(inner, known, place, inside)


def tops(paths: set[str]) -> set[str]:
    """The paths that are inside no other one."""
    return {path for path in paths if not any(path.startswith((f"{each}.", f"{each}[]")) for each in paths)}


def test_the_table_has_what_each_version_gained_and_lost() -> None:
    minors = range(podversion.OLDEST[1], pod_form.newest() + 1)
    known = {minor: fields(minor) for minor in minors}
    gained = {path: (1, minor) for minor in minors[1:] for path in tops(known[minor] - known[minor - 1])}
    lost = {path: (1, minor) for minor in minors[1:] for path in tops(known[minor - 1] - known[minor])}
    assert len(known[minors[0]]) > 500
    assert gained == podversion.SINCE
    assert lost == podversion.GONE
