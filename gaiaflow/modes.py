"""The four places a function can run, and which one holds now."""

from __future__ import annotations

import os
from enum import Enum

from gaiaflow import envvar
from gaiaflow.errors import UsageError, near_miss


class Mode(str, Enum):
    """Where a task runs."""

    DEV = "dev"
    DEV_DOCKER = "dev_docker"
    PROD_LOCAL = "prod_local"
    PROD = "prod"

    def __str__(self) -> str:
        return self.value


def resolve_mode(mode: str | None = None) -> Mode:
    """The current mode: the argument, else ``GAIAFLOW_MODE``, else dev.

    Raises:
        UsageError: the name is none of the four.
    """
    name = mode or os.environ.get(envvar.MODE) or Mode.DEV.value
    try:
        return Mode(name)
    except ValueError:
        known = [m.value for m in Mode]
        origin = "" if mode else ", from the variable `GAIAFLOW_MODE`"
        raise UsageError(
            f"unknown mode `{name}`{origin}{near_miss(str(name), known)}",
            f"one of {', '.join(known)}",
        ) from None
