"""What differs between the runs of one DAG in two modes."""

from __future__ import annotations

import json
import re
from typing import Any

from gaiaflow.result import RunResult, TaskResult, same

# What MLflow makes up for every run.
_MADE_UP = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"(models:/[\w.-]+)/\d+"), r"\1/<version>"),
)
# The registry counts on.
_VERSION = "model_version"
LONGEST = 120


def differences(first: RunResult, other: RunResult) -> list[str]:
    """Each difference in one line; empty when both runs tell the same."""
    found = [_said("state of the run", first.state, other.state)] if first.state != other.state else []
    found += compare_edges(first.edges, other.edges)
    for name in first.tasks:
        if name in other.tasks:
            found += compare_tasks(name, first.tasks[name], other.tasks[name])
    if not same(comparable(first.assets), comparable(other.assets)):
        found.append(_said("assets", comparable(first.assets), comparable(other.assets)))
    return found


def compare_edges(first: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """Tasks and dependencies that only one of two modes has."""
    return [
        _said(f"downstream of `{name}`", first.get(name, "no such task"), other.get(name, "no such task"))
        for name in sorted({*first, *other})
        if first.get(name) != other.get(name)
    ]


def compare_tasks(name: str, first: TaskResult, other: TaskResult) -> list[str]:
    """How one task ended in two modes."""
    pairs = {
        f"state of `{name}`": (first.state, other.state),
        f"value of `{name}`": (comparable(first.value), comparable(other.value)),
        f"error of `{name}`": (comparable(first.error), comparable(other.error)),
    }
    return [_said(what, a, b) for what, (a, b) in pairs.items() if not same(a, b)]


def comparable(value: Any) -> Any:
    """A value without the identifiers that are new in every run."""
    if isinstance(value, str):
        for pattern, replacement in _MADE_UP:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {k: "<version>" if k == _VERSION else comparable(item) for k, item in value.items()}
    return value


def _said(what: str, first: Any, other: Any) -> str:
    return f"{what}: {_short(first)} there, {_short(other)} here"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
