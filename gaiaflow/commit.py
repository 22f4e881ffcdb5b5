"""Which git commit a tree is at, and whether it was edited since; for hosts that have git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_DESCRIBE = ("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
_SECONDS = 5


def tree_commit(folder: Path) -> str:
    """The commit in full, ``-dirty`` behind it where a tracked file was edited; empty where nobody can tell."""
    if not any((place / ".git").exists() for place in (folder, *folder.parents)) or not shutil.which("git"):
        return ""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            _DESCRIBE,
            cwd=folder,
            env=variables,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
