"""Which arguments of create_task a mode ignores, and why."""

from __future__ import annotations

from typing import Any

from gaiaflow.modes import Mode
from gaiaflow.operators.job.option import AT_ONCE, OPTION
from gaiaflow.spec import TaskSpec

_HERE = "dev runs in the project's own environment"
_WHY: dict[Mode, dict[str, str]] = {
    Mode.DEV: {
        "image": f"{_HERE}, in no image",
        "env_vars": "in dev `.env` counts",
        "resources": f"{_HERE}, which sets no limits",
        "docker": "only dev_docker makes a container",
        "kubernetes": "only prod_local and prod make a pod",
    },
    Mode.DEV_DOCKER: {
        "resources.requests": "an engine knows limits, not requests",
        "kubernetes": "only prod_local and prod make a pod",
    },
    Mode.PROD_LOCAL: {"docker": "only dev_docker makes a container"},
    Mode.PROD: {"docker": "only dev_docker makes a container"},
}


def ignored(spec: TaskSpec) -> list[dict[str, Any]]:
    """The arguments that were given and do nothing here; each with its value and the reason."""
    found = []
    for argument, why in _WHY[spec.mode].items():
        name, _, key = argument.partition(".")
        value = getattr(spec, name)
        value = value.get(key) if key else value
        if name == "kubernetes":
            value = {key: part for key, part in value.items() if key not in (OPTION, AT_ONCE)}
        if value:
            found.append({"argument": argument, "value": value, "why": why})
    return found
