"""Wait for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(check: Callable[[], T], seconds: float, every: float = 0.05) -> T:
    """Ask again until the answer is true or the time is up; the last answer.

    Args:
        seconds: how long at most; it is asked once at least.
        every: the pause between two questions, in seconds.
    """
    deadline = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer
