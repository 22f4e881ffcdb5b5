"""Files for containers: whom they run as, what they may read, and how variables are written for them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gaiaflow.infra.host import privatefile
from gaiaflow.infra.images import kind

# Used where the host's user is root: no container of the stack runs as that.
OTHER_UID = 10001
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"})


def owner() -> tuple[int, int]:
    """The user and group that the containers run as: whoever the host's user is there.

    In a rootless engine that is root, who is nobody else outside; elsewhere a host's root becomes another user.
    """
    if kind.find().is_root:
        return 0, 0
    return (os.getuid(), os.getgid()) if os.getuid() else (OTHER_UID, 0)


def is_other() -> bool:
    """Whether the containers' user is not the one that the project's files belong to."""
    return not kind.find().is_root and owner()[0] != os.getuid()


def hand_over(folder: Path) -> None:
    """Let the containers' user read a folder: it is theirs already, but where the host's user is root."""
    uid, gid = owner()
    for path in [folder, *folder.rglob("*")] if is_other() else []:
        os.chown(path, uid, gid, follow_symlinks=False)


def write_env_file(file: Path, values: Mapping[str, str]) -> Path:
    """A file for Compose's ``env_file``, 0600."""
    return privatefile.write(file, "".join(f"{name}={_quoted(value)}\n" for name, value in values.items()))


def _quoted(value: str) -> str:
    """In single quotes, which keep every character but these; else with the escapes of double quotes."""
    if not re.search(r"['\n\r]|\\$", value):
        return f"'{value}'"
    return f'"{value.translate(_ESCAPED)}"'
