"""Whether a DAG that nobody touched is stored as the same version again, in a process of its own each time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gaiaflow import envvar
from gaiaflow.dags.inspector import Inspector

MOST_PATHS = 5
LONGEST_VALUE = 60

# ``{"hash", "data"}``, or ``{"error"}``.
Stored = Mapping[str, Any]


def read(
    inspector: Inspector, seed: int, mode: str | None, dag: str | None, timed: Sequence[str] = ()
) -> dict[str, Any]:
    """What one process reads and would store, with a hash seed of its own, and what it took.

    Args:
        timed: the files whose reading is timed.
    """
    more = {"PYTHONHASHSEED": str(seed), **({envvar.MODE: mode} if mode else {})}
    folder = str(inspector.project.dags)
    return inspector.ask("serialise", more, mode=mode, dag=dag, dags=folder, timed=list(timed))


def churn(samples: Sequence[Stored]) -> Iterator[str]:
    """What is wrong with the stored forms of one DAG; nothing when they are all the same."""
    refused = next((sample["error"] for sample in samples if "error" in sample), None)
    if refused:
        yield f"Airflow cannot store the DAG: {refused}"
        return
    hashes = {sample["hash"]: sample["data"] for sample in samples}
    if len(hashes) > 1:
        first, *others = hashes.values()
        paths: dict[str, str] = {}
        for other in others:
            paths = {**dict(differing(first, other)), **paths}
        shown = "; ".join(f"{path}: {values}" for path, values in list(paths.items())[:MOST_PATHS])
        more = f"; {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else ""
        yield f"{len(samples)} looks gave {len(hashes)} versions: {shown}{more}"


def differing(first: Any, other: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each place where two stored forms differ, with both values."""
    if isinstance(first, dict) and isinstance(other, dict):
        if set(first) == set(other) == {"__var", "__type"}:
            yield from differing(first["__var"], other["__var"], path)
            return
        for key in sorted({*first, *other}):
            yield from differing(first.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(first, list) and isinstance(other, list) and len(first) == len(other):
        for number, (one, two) in enumerate(zip(first, other, strict=True)):
            yield from differing(one, two, f"{path}[{_label(one, number)}]")
    elif first != other:
        yield path, f"{_short(first)} or {_short(other)}"


def _label(item: Any, number: int) -> str:
    inner = item.get("__var", item) if isinstance(item, dict) else item
    return str(inner.get("task_id", number)) if isinstance(inner, dict) else str(number)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
