"""The params of one run, as `--conf` gives them, against those that the DAG declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from gaiaflow.errors import UsageError, near_miss

# What Airflow says of a value, before the dump of the schema.
_INVALID = re.compile(r"Invalid input for param (?P<name>.+?): (?P<reason>.*)", re.DOTALL)


def refuse_unknown(dag: str, conf: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a param that the DAG does not have.

    Raises:
        UsageError: its message has the near miss.
    """
    for name in conf:
        if name not in known:
            names = sorted(known)
            there = (
                f"it has {', '.join(names)}"
                if names
                else 'it has none; declare it: DAG(..., params={"name": 1})'
            )
            raise UsageError(f"DAG `{dag}` has no param `{name}`{near_miss(name, names)}", there)


def misfit(dag: str, name: str, reason: str) -> UsageError:
    """The error of a value that does not fit its param.

    Args:
        reason: what Airflow says of it; the schema below it is left out.
    """
    line = reason.split("\n\n", maxsplit=1)[0].strip().splitlines()[-1:]
    said = _INVALID.sub(r"\g<reason>", "".join(line)).strip()
    return UsageError(f"`{name}` of `--conf` does not fit DAG `{dag}`: {said}", "")


def refused(dag: str, conf: Mapping[str, Any], error: UsageError) -> UsageError:
    """The same error where Airflow refused a whole run; another one stays as it is."""
    found = _INVALID.search(error.message)
    if found is None or found["name"] not in conf:
        return error
    return misfit(dag, found["name"], found["reason"])
