"""What to do about a disk that is full, where another program is the one to say so."""

from __future__ import annotations

import errno
import os

_FULL = tuple(os.strerror(number).lower() for number in (errno.ENOSPC, errno.EDQUOT))


def hint(text: str, otherwise: str) -> str:
    """The next step after an error: the disk's if its text tells of no space, else the other one."""
    return "free some space: df -h" if any(words in text.lower() for words in _FULL) else otherwise
