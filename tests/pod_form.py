"""Whether every Kubernetes of today would read what gaiaflow sends, by the schemas of its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import utils

OLDEST = 29
VERSIONS = tuple(f"1.{minor}" for minor in range(OLDEST, 38))
# It reads megabytes of schemas anew for each object.
utils.schema_contents = cache(utils.schema_contents)


def newest() -> int:
    """The minor of the newest Kubernetes whose schemas the package has."""
    return int(kubernetes_validate.latest_version().split(".")[1])


def misfits(thing: Mapping[str, Any]) -> Iterator[str]:
    """Where an object does not fit, by version; unknown fields count."""
    for version in VERSIONS:
        if said := _misfit(dict(thing), version):
            yield f"{version}: {said}"


def _misfit(thing: dict[str, Any], version: str) -> str:
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return ""


def watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each pod that an operator builds be checked."""
    from kubernetes.client import ApiClient

    from gaiaflow.operators.kubernetes import PodOperator

    plain = PodOperator.build_pod_request_obj

    def build(self: Any, *args: Any, **options: Any) -> Any:
        made = plain(self, *args, **options)
        if found := list(misfits(ApiClient().sanitize_for_serialization(made))):
            pytest.fail("\n".join(found))
        return made

    monkeypatch.setattr(PodOperator, "build_pod_request_obj", build)
