"""What makes two images the same, whichever store each is in: their configuration and their layers.

Stores know one image by different digests: of its configuration, of its manifest, or of an index that also
lists attestations with times in them. So gaiaflow compares the identities of this module, not those digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

# What OCI's specification defines: the rest, an engine derives or a runtime does not show.
_SETTINGS = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
)


def of_engine(attributes: Mapping[str, Any]) -> str:
    """The identity of an image as a Docker engine's answer to `docker inspect` describes it."""
    layers = (attributes.get("RootFS") or {}).get("Layers")
    return _identity(attributes.get("Config"), layers, attributes.get("Os"), attributes.get("Architecture"))


def of_configuration(document: Mapping[str, Any]) -> str:
    """The identity of an image from its OCI configuration, as registries and container runtimes show it."""
    layers = (document.get("rootfs") or {}).get("diff_ids")
    return _identity(document.get("config"), layers, document.get("os"), document.get("architecture"))


def _identity(
    settings: Mapping[str, Any] | None, layers: Sequence[str] | None, system: object, architecture: object
) -> str:
    # An empty setting is null, an empty list or absent, as the engine's version likes it.
    known = {name: value for name in _SETTINGS if (value := (settings or {}).get(name))}
    text = json.dumps([known, list(layers or ()), system, architecture], sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
