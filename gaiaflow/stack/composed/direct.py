"""The names that containers of the stack reach without a proxy.

Docker's client gives its containers the proxy of its own configuration (``proxies`` in config.json).
"""

from __future__ import annotations

import os

from gaiaflow.endpoints import ALIASES, EVERY, GATEWAY
from gaiaflow.infra.host import loopback

_NAMES = (*EVERY, *ALIASES, "postgres", "docker-proxy", GATEWAY)


def direct_names() -> dict[str, str]:
    """NO_PROXY for a container: this shell's, Docker's own, and the stack's services."""
    return loopback.no_proxy(os.environ, [*_of_docker(), *_NAMES])


def _of_docker() -> list[str]:
    from docker.utils.config import load_general_config

    given = (load_general_config().get("proxies") or {}).get("default") or {}
    return [host.strip() for host in str(given.get("noProxy", "")).split(",")]
