"""The name and the labels of a task's container: the same for every try, so that a leftover is found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST_PART = 40


def container_name(project: str, dag_id: str, task_id: str, run_id: str, map_index: int | None) -> str:
    """``DAG-TASK-0123456789ab``: readable in front, told apart by all that makes one task of one run."""
    parts = (project, dag_id, task_id, run_id, str(-1 if map_index is None else map_index))
    unique = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return f"{_readable(dag_id)}-{_readable(task_id)}-{unique}"


def labels(given: Mapping[str, str] | Iterable[str] | None, project: str, ti: Any) -> dict[str, str]:
    """The caller's labels and ours."""
    own = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given or (), "")
    index = {} if ti.map_index is None or ti.map_index < 0 else {"gaiaflow.map_index": str(ti.map_index)}
    return {
        **own,
        **({"gaiaflow.project": project} if project else {}),
        "gaiaflow.dag": ti.dag_id,
        "gaiaflow.task": ti.task_id,
        "gaiaflow.run": ti.run_id,
        **index,
    }


def _readable(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", name)[:LONGEST_PART].strip("-") or "x"
