"""Waiting for room in the cluster: under a quota that is used up, or on a node."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from gaiaflow import envvar
from gaiaflow.duration import seconds, spoken
from gaiaflow.errors import UsageError
from gaiaflow.operators.resources import quantity

OPTION = "wait_for_room"
DEFAULT = "1h"
FORBIDDEN = 403
# What the scheduler says of a pod for which a node may have room later; not, say, of a wrong node selector.
_ROOM = re.compile(r"Insufficient |Too many pods|free ports")
_QUOTA = re.compile(r"exceeded quota: \S+, requested: (\S+), used: \S+, limited: (\S+)")
# Between two requests, and between two lines of the log.
FIRST_PAUSE, LONGEST_PAUSE, SILENCE = 1.0, 15.0, 300.0


def allowed(given: Mapping[str, Any]) -> int:
    """How long a pod waits for room, in seconds: by ``kubernetes={…}``, by the variable, or an hour.

    Raises:
        UsageError: that is no length of time.
    """
    duration = given.get(OPTION, os.environ.get(envvar.WAIT_FOR_ROOM) or DEFAULT)
    try:
        return seconds(duration)
    except ValueError:
        raise UsageError(
            f"`wait_for_room` is {duration!r}, not a length of time",
            'kubernetes={"wait_for_room": "30m"}, or "0"',
        ) from None


def is_full(status: int, said: str) -> bool:
    """Whether the API server refused a pod for a quota that may have room later."""
    return status == FORBIDDEN and "exceeded quota" in said and not asks_too_much(said)


def asks_too_much(said: str) -> bool:
    """Whether a pod asks for more than the whole of a quota."""
    match = _QUOTA.search(said)
    if not match:
        return False
    requested, limited = (_amounts(part) for part in match.groups())
    return any(kind in limited and amount > limited[kind] for kind, amount in requested.items())


def _amounts(text: str) -> dict[str, Any]:
    found = {}
    for part in text.split(","):
        kind, _, amount = part.partition("=")
        try:
            found[kind] = quantity(amount)
        except ValueError:  # of a form that we do not read
            continue
    return found


def unscheduled(pod: Any) -> str:
    """The scheduler's reason why a pod has no node; empty where it has one, or was not looked at yet."""
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status != "True":
            return condition.message or ""
    return ""


def is_room(why: str) -> bool:
    """Whether it is for want of room that a pod has no node."""
    return bool(_ROOM.search(why))


class Wait:
    """One wait for room, told in the log.

    Args:
        longest: how long it may last, in seconds.
        show: takes each reason that comes into the log.
    """

    def __init__(self, log: Any, longest: float, show: Callable[[str], None] | None = None) -> None:
        self._log, self.longest, self._show = log, longest, show
        self._since = time.monotonic()
        self._told: float | None = None
        self._why = ""
        self._pause = FIRST_PAUSE

    @property
    def lasted(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._since

    def tell(self, why: str) -> None:
        """Put a reason into the log: a new one, and the same one now and then."""
        kind = re.sub(r"\d+", "", why)
        if kind == self._why and self._told is not None and self.lasted - self._told < SILENCE:
            return
        self._why, self._told = kind, self.lasted
        self._log.warning(
            "waiting for room in the cluster, %s of at most %s: %s",
            spoken(round(self.lasted)),
            spoken(self.longest),
            why,
        )
        if self._show:
            self._show(why)

    def goes_on(self, why: str) -> bool:
        """Wait a moment; False once it has lasted long enough."""
        left = self.longest - self.lasted
        if left <= 0:
            return False
        self.tell(why)
        time.sleep(min(self._pause, left))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True
