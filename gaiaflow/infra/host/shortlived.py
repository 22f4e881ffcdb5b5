"""What a process that lives for seconds can leave out: most of Python's search for garbage."""

from __future__ import annotations

import atexit
import gc

# By default every 700 new objects. Importing Airflow makes a million that stay.
_OBJECTS = 100_000


def spare_collections() -> None:
    """Let this process look for garbage seldom, and not when it ends: its memory is freed anyway."""
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
