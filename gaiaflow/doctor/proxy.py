"""Proxies: what asks for the stack must not be sent through one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiaflow.doctor.check import Check, ok, warning
from gaiaflow.doctor.place import Place
from gaiaflow.endpoints import LOOPBACK

NEEDED = (LOOPBACK, "localhost")
IN_CONTAINERS = ("mlflow", "s3", "airflow")
_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Facts:
    """Which proxies are set; never their addresses, which may hold a password.

    Attributes:
        names: the variables that name one.
        excepted: the hosts of NO_PROXY.
        docker: whether Docker gives its containers a proxy, and its exceptions.
    """

    names: tuple[str, ...]
    excepted: frozenset[str]
    docker: bool = False
    docker_excepted: frozenset[str] = frozenset()


def read(_place: Place) -> Facts:
    return gather(os.environ, _docker_config())


def gather(environment: Mapping[str, str], config: Mapping[str, Any]) -> Facts:
    """What variables and Docker's client configuration say."""
    names = tuple(n for name in _NAMES for n in (name, name.lower()) if environment.get(n))
    excepted = _hosts(environment.get("NO_PROXY", "")) | _hosts(environment.get("no_proxy", ""))
    given = (config.get("proxies") or {}).get("default") or {}
    through = bool(given.get("httpProxy") or given.get("httpsProxy"))
    return Facts(names, excepted, through, _hosts(str(given.get("noProxy", ""))))


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.strip() for host in text.split(",") if host.strip())


def _docker_config() -> dict[str, Any]:
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def host(facts: Facts) -> Check:
    if not facts.names:
        return ok("no proxy is set")
    lacking = [name for name in NEEDED if name not in facts.excepted and "*" not in facts.excepted]
    if lacking:
        return warning(
            f"`{facts.names[0]}` is set, `NO_PROXY` lacks {' and '.join(lacking)}: the stack is asked by it",
            f'export NO_PROXY="{",".join(NEEDED)}${{NO_PROXY:+,$NO_PROXY}}" no_proxy="{",".join(NEEDED)}"',
        )
    return ok(f"`{facts.names[0]}` is set, and not used for this machine")


def containers(facts: Facts) -> Check:
    """Docker writes its own proxies into every container and build."""
    if not facts.docker:
        return ok("containers get no proxy")
    lacking = [name for name in IN_CONTAINERS if name not in facts.docker_excepted]
    if lacking and "*" not in facts.docker_excepted:
        return warning(
            f"containers get Docker's proxy, its `noProxy` lacks {', '.join(lacking)}: tasks do not reach them",
            f'in ~/.docker/config.json: "proxies": {{"default": {{"noProxy": "{",".join(IN_CONTAINERS)}"}}}}',
        )
    return ok("containers get Docker's proxy, and do not use it for the stack")
