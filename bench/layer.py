"""The dependency layer of an image: uv against pip, both with full caches, into a fresh environment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import ROOT, TOOLS, Figure, paired

LOCK = ROOT / "gaiaflow" / "infra" / "locks" / "services.txt"
UV = TOOLS.with_name("uv")
ROUNDS = 3


def run(*command: object) -> float:
    begun = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=900)
    return time.perf_counter() - begun


def by_uv() -> float:
    with tempfile.TemporaryDirectory() as name:
        made = run(UV, "venv", "--python", sys.executable, Path(name) / "venv")
        python = Path(name) / "venv" / "bin" / "python"
        options = ("--require-hashes", "--link-mode", "copy", "--compile-bytecode")
        return made + run(UV, "pip", "install", "--python", python, *options, "-r", LOCK)


def by_pip() -> float:
    with tempfile.TemporaryDirectory() as name:
        made = run(sys.executable, "-m", "venv", Path(name) / "venv")
        python = Path(name) / "venv" / "bin" / "python"
        return made + run(python, "-m", "pip", "install", "--require-hashes", "-r", LOCK)


def figures() -> list[Figure]:
    """The first of each fills its cache."""
    by_uv(), by_pip()
    return [paired("the dependency layer by uv against pip, full caches", 0.25, by_uv, by_pip, ROUNDS)]
