"""Every pinned package comes as a wheel for arm64 too: images and environments need no compiler there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from example_stack import PACKAGE
from uv import find_uv_bin

from gaiaflow.infra.environments.environment import LOCKS
from gaiaflow.infra.host.shipped import shipped

FILES = [
    *sorted(LOCKS.glob("*.txt")),
    shipped("compose") / "postgres.txt",
    PACKAGE / "example" / "requirements.lock",
]


@pytest.mark.parametrize("lock", FILES, ids=lambda file: file.name)
def test_a_lock_resolves_to_wheels_of_arm64(lock: Path, tmp_path: Path) -> None:
    install = [find_uv_bin(), "pip", "install", "--dry-run", "--target", str(tmp_path)]
    platform = ["--python-platform", "aarch64-manylinux_2_28", "--only-binary", ":all:"]
    argv = [*install, *platform, "--requirement", str(lock)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
