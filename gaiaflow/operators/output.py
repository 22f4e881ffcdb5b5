"""What a child process writes, until it has ended."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from typing import Any

CHUNK = 65536
# How soon an end is seen while another process still holds the pipe.
POLL_SECONDS = 0.2
# How long such a process, which writes on and on, is still read.
DRAIN_SECONDS = 2.0


def output_of(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """The chunks of a child's stdout.

    A process that the child leaves behind holds the pipe open; it does not hold up the end.
    """
    pipe: Any = process.stdout
    deadline = 0.0
    with selectors.DefaultSelector() as selector, pipe:
        selector.register(pipe, selectors.EVENT_READ)
        while not deadline or time.monotonic() < deadline:
            ended = process.poll() is not None  # asked before reading, so that its last words are read
            deadline = deadline or (time.monotonic() + DRAIN_SECONDS if ended else 0.0)
            if selector.select(0 if ended else POLL_SECONDS):
                chunk = os.read(pipe.fileno(), CHUNK)
                if not chunk:
                    return
                yield chunk
            elif ended:
                return
