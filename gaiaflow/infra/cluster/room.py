"""What the settings say of a project's namespace: its quota, the limits of each container, the rights."""

from __future__ import annotations

from typing import Any

from gaiaflow.settings import Cluster, Limits

QUOTA, LIMITS = "ResourceQuota", "LimitRange"
# As Kubernetes names the parts of a limit range.
_PARTS = {"default": "default", "default_request": "defaultRequest", "max": "max", "min": "min"}


def fitted(things: list[dict[str, Any]], settings: Cluster) -> list[dict[str, Any]]:
    """The objects of a namespace with what the settings say; without limits there is no limit range."""
    for thing in things:
        if thing["kind"] == "Role" and settings.results == "small":
            thing["rules"] = [rule for rule in thing["rules"] if rule["resources"] != ["pods/exec"]]
        if thing["kind"] == QUOTA:
            thing["spec"]["hard"].update(settings.quota)
        if thing["kind"] == LIMITS:
            thing["spec"]["limits"] = _limits(settings.limits)
    return [thing for thing in things if thing["kind"] != LIMITS or thing["spec"]["limits"]]


def _limits(limits: Limits) -> list[dict[str, Any]]:
    said = {wire: found for name, wire in _PARTS.items() if (found := getattr(limits, name))}
    return [{"type": "Container", **said}] if said else []
