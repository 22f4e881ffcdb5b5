"""Functions that fail, one for each way that is the function's own doing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any


def raises() -> None:
    """Raises with a cause."""
    print("adding up")
    try:
        {}["rows"]
    except KeyError as error:
        raise ValueError("no rows") from error


def takes_one(rows: int) -> int:
    return rows


def exits() -> None:
    sys.exit(3)


def leaves() -> None:
    """Leaves without Python's own ending."""
    os._exit(3)


def segfaults() -> None:
    """Reads an address that is not there, as a broken extension does."""
    ctypes.string_at(0)


def is_killed() -> None:
    """Ends as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def takes_memory() -> int:
    """Takes more than any container of these tests may."""
    if os.environ.get("PLAYS_THE_KERNEL"):
        is_killed()
    return len(bytearray(os.urandom(1)) * 2**29)


def returns_a_set() -> Any:
    return {1}


def sleeps() -> None:
    print("asleep", flush=True)
    time.sleep(600)


def reads_a_secret() -> int:
    return len(os.environ["API_KEY"])


def asks_mlflow() -> None:
    """As a client of an MLflow that does not run; port 9 is of `discard`."""
    urllib.request.urlopen("http://127.0.0.1:9")


def fills_the_disk() -> None:
    Path("/dev/full").write_text("x", encoding="utf-8")
