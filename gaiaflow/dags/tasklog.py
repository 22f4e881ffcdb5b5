"""The log of a task: what the function said, apart from what Airflow and gaiaflow say around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gaiaflow.dags.brokenfile import is_link
from gaiaflow.runner import PREFIX

# The loggers through which the lines of a function come, and what else comes through them, by mode.
_FUNCTION = {
    "airflow.task.operators.gaiaflow.operators.local.": re.compile(r"MLflow: http|Tmp dir root"),
    "airflow.task.operators.gaiaflow.operators.docker.": re.compile(
        r"MLflow: http|(Starting|Stopping) docker container|Not attempting to kill|::(end)?group::"
    ),
    "gaiaflow.operators.pod": re.compile(
        r"Pod \S+ has phase|Waiting for container|Running command|Checking if xcom sidecar|The xcom sidecar|"
        r"Stopped watching events|The Pod has an Event|stderr from command|Could not |Reading of logs|"
        r"Follow requested|Error parsing timestamp|Container \S+ log read|Pod logs read|::(end)?group::"
    ),
}
# Kubernetes' own operator names the container before each line.
_CONTAINER = re.compile(r"\[base\] ")
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True)
class Line:
    """One line of a log.

    Attributes:
        at: when it was written, as Airflow tells it; empty if unknown.
        level: ``info``, ``warning``, ...
        text: what it says; the errors that Airflow keeps beside it follow on lines of their own.
    """

    at: str
    level: str
    text: str


def every(entries: Iterable[Any]) -> list[Line]:
    """All lines, Airflow's own too.

    Args:
        entries: the log as Airflow's API gives it.
    """
    return [Line(_at(entry), _level(entry), _whole(entry)) for entry in map(_as_entry, entries)]


def said(entries: Iterable[Any]) -> list[Line]:
    """What the function wrote and logged, its traceback and its last error too."""
    spoken = ((entry, _spoken(entry)) for entry in map(_as_entry, entries))
    return [Line(_at(entry), _level(entry), text) for entry, text in spoken if text is not None]


def before_the_error(lines: Iterable[Line]) -> list[str]:
    """What the function wrote until it failed."""
    return _parted(lines)[0]


def traceback_of(lines: Iterable[Line]) -> str:
    """The function's traceback, with those of its causes; empty where it wrote none."""
    return "\n".join(_parted(lines)[1])


def _parted(lines: Iterable[Line]) -> tuple[list[str], list[str]]:
    """What the function wrote, and the traceback that ended it, from its first cause on."""
    texts = [line.text for line in lines if not line.text.startswith(PREFIX)]
    begins = [n for n, text in enumerate(texts) if text == _TRACEBACK]
    if not begins:
        return texts, []
    begin = begins.pop()
    while begins and is_link("".join(texts[begin - 2 : begin])):
        begin = begins.pop()
    return texts[:begin], texts[begin:]


def _as_entry(entry: Any) -> Mapping[str, Any]:
    return entry if isinstance(entry, Mapping) else {"event": str(entry)}


def _spoken(entry: Mapping[str, Any]) -> str | None:
    """The text of a line of the function; None for what others say."""
    logger, text = str(entry.get("logger") or ""), str(entry.get("event") or "")
    for start, machinery in _FUNCTION.items():
        if logger.startswith(start):
            return None if machinery.match(text) else _CONTAINER.sub("", text, count=1)
    return None


def _at(entry: Mapping[str, Any]) -> str:
    return str(entry.get("timestamp") or "")


def _level(entry: Mapping[str, Any]) -> str:
    return str(entry.get("level") or "info").lower()


def _whole(entry: Mapping[str, Any]) -> str:
    errors = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in entry.get("error_detail") or ()]
    return "\n".join([str(entry.get("event") or ""), *errors])
