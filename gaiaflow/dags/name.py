"""The id of a DAG as a person types it: one word, no option, no path, no part of an address."""

from __future__ import annotations

import re

from gaiaflow.errors import UsageError

# Airflow's own rule, without ids that begin like an option.
_ID = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,249}")


def checked(name: str) -> str:
    """
    Raises:
        UsageError: no DAG can have this id.
    """
    if not _ID.fullmatch(name):
        raise UsageError(
            f"`{name[:80]}` is not a valid DAG id: letters, digits, `_`, `.` and `-`", "inv dag.list"
        )
    return name
