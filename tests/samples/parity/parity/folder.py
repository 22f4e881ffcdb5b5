"""What a function sees of a folder of data: by its variable alone, in every mode."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def digests() -> dict[str, str]:
    """The SHA-256 of each file, by its path in the folder."""
    root = Path(os.environ["GAIAFLOW_DATA_TILES"])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def first_bytes(name: str, count: int) -> list[int]:
    """The first bytes of one file."""
    return list((Path(os.environ["GAIAFLOW_DATA_TILES"]) / name).read_bytes()[:count])
