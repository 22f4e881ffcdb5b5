"""What a function may use: cpu, memory, disk and devices, as requests and limits, or by a profile's name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from gaiaflow.errors import UsageError, near_miss

PROFILE = "resource_profile"
PROFILES: dict[str, dict[str, Any]] = {
    "low": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
    "medium": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
    "high": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
    "ultra": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}, "gpu": 1},
}
ON_OOM = "memory_on_oom"
# How often a task gets more memory in one attempt, and what its log says of a new start.
MOST_GROWN = 3
AGAIN = "task `%s` starts again, in the same attempt: %s"
_KEYS = ("requests", "limits", "gpu", ON_OOM)
_KINDS = ("cpu", "memory", "ephemeral-storage")
# Of a node's own devices: whole numbers, never shared, so that request and limit are one.
_EXTENDED = re.compile(r"[a-z0-9][-a-z0-9.]*/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
GPU = "nvidia.com/gpu"
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]*)")
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000**power) for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGTP", 1)},
}
_FACTOR = re.compile(r"(\d+(?:\.\d+)?)x")
_GROWS = '{"limits": {"memory": "1Gi"}, "memory_on_oom": "2x"}'
_DEVICES = '{"limits": {"nvidia.com/mig-1g.5gb": 1}}'
_EXAMPLE = '{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}, "gpu": 1}'


@dataclass(frozen=True)
class Resources:
    """Checked resources; the quantities as Kubernetes writes them.

    Attributes:
        gpu: how many whole GPUs.
        memory_on_oom: the factor by which a task gets more memory when it ran out of it; 0 for never.
    """

    requests: dict[str, str]
    limits: dict[str, str]
    gpu: int = 0
    memory_on_oom: Decimal = Decimal(0)

    def amount(self, kind: str) -> Decimal | None:
        """The limit of a kind in cores or bytes, or None."""
        return quantity(self.limits[kind]) if kind in self.limits else None

    def grown(self, times: int) -> Resources:
        """The same after so many out-of-memory kills."""
        if not (times and self.memory_on_oom):
            return self
        factor = self.memory_on_oom**times
        return replace(self, requests=_more(self.requests, factor), limits=_more(self.limits, factor))


def parse(given: Mapping[str, Any]) -> Resources:
    """Check the argument ``resources``.

    Raises:
        UsageError: an unknown key, or a quantity that Kubernetes does not know.
    """
    for key in given:
        if key not in _KEYS:
            raise UsageError(f"`resources` has the key `{key}`{near_miss(str(key), _KEYS)}", _EXAMPLE)
    gpu = given.get("gpu", 0)
    if isinstance(gpu, bool) or not isinstance(gpu, int) or gpu < 0:
        raise UsageError(f"`gpu` in `resources` is {gpu!r}, not a whole number", _EXAMPLE)
    found = Resources(_quantities(given, "requests"), _quantities(given, "limits"), gpu, _factor(given))
    _whole_devices(found)
    return found


def chosen(given: Mapping[str, Any], params: Mapping[str, Any]) -> Resources:
    """The task's own resources, else those of the DAG param ``resource_profile``, else none.

    Raises:
        UsageError: there is no such profile.
    """
    name = params.get(PROFILE)
    if given or not name:
        return parse(given)
    if name not in PROFILES:
        raise UsageError(
            f"no resource profile `{name}`{near_miss(str(name), list(PROFILES))}",
            f"the param `{PROFILE}` is one of {', '.join(PROFILES)}",
        )
    return parse(PROFILES[name])


def quantity(text: str) -> Decimal:
    """A quantity of Kubernetes in cores or bytes: ``500m`` is 0.5, ``1Ki`` is 1024."""
    match = _QUANTITY.fullmatch(text)
    if not match or match[2] not in _UNITS:
        raise ValueError(text)
    return Decimal(match[1]) * _UNITS[match[2]]


def _quantities(given: Mapping[str, Any], part: str) -> dict[str, str]:
    values = given.get(part, {})
    if not isinstance(values, Mapping):
        raise UsageError(f"`resources[{part!r}]` is a {type(values).__name__}, not a dict", _EXAMPLE)
    for kind, value in values.items():
        if kind not in _KINDS and not _EXTENDED.fullmatch(str(kind)):
            raise UsageError(f"`resources[{part!r}]` has `{kind}`{near_miss(str(kind), _KINDS)}", _EXAMPLE)
        try:
            quantity(str(value))
        except ValueError:
            raise UsageError(
                f"`resources[{part!r}][{kind!r}]` is {value!r}, not a quantity", "500m, 2, 512Mi, 1Gi"
            ) from None
    return {kind: str(value) for kind, value in values.items()}


def told(memory: str, times: int) -> str:
    """Why a task starts again with more memory."""
    return f"out of memory, now with {memory} ({times} of at most {MOST_GROWN} times)"


def _more(values: Mapping[str, str], factor: Decimal) -> dict[str, str]:
    """Quantities with more memory, in whole MiB."""
    found = dict(values)
    if "memory" in found:
        found["memory"] = f"{math.ceil(quantity(found['memory']) * factor / 2**20)}Mi"
    return found


def _factor(given: Mapping[str, Any]) -> Decimal:
    """How much more memory there is after each out-of-memory kill; 0 where nothing is said.

    Raises:
        UsageError: it is no factor above 1, or there is no limit that could grow.
    """
    factor = given.get(ON_OOM)
    if factor is None:
        return Decimal(0)
    match = _FACTOR.fullmatch(str(factor))
    if not match or Decimal(match[1]) <= 1:
        raise UsageError(f"`resources[{ON_OOM!r}]` is {factor!r}, not a factor above 1", _GROWS)
    if "memory" not in (given.get("limits") or {}):
        raise UsageError(f"`resources` has `{ON_OOM}` and no limit of memory that could grow", _GROWS)
    return Decimal(match[1])


def _whole_devices(resources: Resources) -> None:
    """Refuse what the API server would refuse of an extended resource, only later.

    Raises:
        UsageError: it is no whole number, or its request is not its limit.
    """
    for part, values in (("requests", resources.requests), ("limits", resources.limits)):
        for kind, value in values.items():
            if kind in _KINDS:
                continue
            if not value.isdecimal():
                raise UsageError(f"`resources[{part!r}][{kind!r}]` is {value}, not a whole number", _DEVICES)
            if kind == GPU and resources.gpu:
                raise UsageError(f"`resources` has `gpu` and `{kind}`, which is the same", '{"gpu": 1}')
            if value != resources.limits.get(kind):
                raise UsageError(
                    f"`resources['requests'][{kind!r}]` is {value}, and its limit is "
                    f"{resources.limits.get(kind, 'not set')}: Kubernetes requires both to be equal",
                    _DEVICES,
                )
