"""Files for containers: whom they run as, what they may read, and how variables are written for them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gaiaflow.infra.host import privatefile

# Used where the host's user is root: no container of the stack runs as that.
OTHER_UID = 10001
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"})


def owner() -> tuple[int, int]:
    """The user and group that the containers run as: the host's, or another where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (OTHER_UID, 0)


def hand_over(folder: Path) -> None:
    """Let the containers' user read a folder: it is theirs already, but where the host's user is root."""
    uid, gid = owner()
    for path in [folder, *folder.rglob("*")] if uid != os.getuid() else []:
        os.chown(path, uid, gid, follow_symlinks=False)


def write_env_file(file: Path, values: Mapping[str, str]) -> Path:
    """A file for Compose's ``env_file``, 0600."""
    return privatefile.write(file, "".join(f"{name}={_quoted(value)}\n" for name, value in values.items()))


def _quoted(value: str) -> str:
    """In single quotes, which keep every character but these; else with the escapes of double quotes."""
    if not re.search(r"['\n\r]|\\$", value):
        return f"'{value}'"
    return f'"{value.translate(_ESCAPED)}"'
