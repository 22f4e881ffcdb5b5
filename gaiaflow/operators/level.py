"""The level of each line that a function writes, as the runner marks it, on its way to the task's log."""

from __future__ import annotations

import logging
import re
from typing import Any

from gaiaflow.runner import LOG_LEVELS

# What asks the runner for marks; an older runner in an image leaves its lines as they are.
ASKED = {LOG_LEVELS: "1"}
_MARKED = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL)\| (.*)", re.DOTALL)


def read_level(line: str) -> tuple[int, str]:
    """The level of a line and its text; INFO where nothing is marked."""
    marked = _MARKED.match(line)
    return (getattr(logging, marked[1]), marked[2]) if marked else (logging.INFO, line)


def log_line(log: Any, line: str) -> str:
    """Log a line of a function's output at its level; the text."""
    level, text = read_level(line)
    log.log(level, "%s", text)
    return text
