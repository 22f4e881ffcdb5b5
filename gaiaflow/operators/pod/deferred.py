"""Whether a pod is watched by Airflow's triggerer, so that the task takes no slot of a worker meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gaiaflow import envvar
from gaiaflow.errors import UsageError

_WORDS = {"": False, "0": False, "false": False, "1": True, "true": True}


def default(given: Mapping[str, Any]) -> dict[str, bool]:
    """What the variable asks for, where ``kubernetes={…}`` of the task does not say it.

    Raises:
        UsageError: the variable has another word.
    """
    word = os.environ.get(envvar.DEFERRABLE, "")
    if word.lower() not in _WORDS:
        raise UsageError(f"the variable `GAIAFLOW_DEFERRABLE` is `{word}`, not 1 or 0", "GAIAFLOW_DEFERRABLE=1")
    return {"deferrable": True} if _WORDS[word.lower()] and "deferrable" not in given else {}
