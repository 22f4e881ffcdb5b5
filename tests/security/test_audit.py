"""Known holes in the pinned packages, asked of the advisory service where that can be reached."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from evidence import Evidence

LOCKS = Path(__file__).parents[2] / "gaiaflow" / "infra" / "locks"
# An advisory that does not concern us, and why; empty is best.
ANSWERS: dict[str, str] = {}


def test_no_pinned_package_has_a_known_hole(evidence: Evidence) -> None:
    pytest.importorskip("pip_audit")
    audited, holes = 0, []
    for lock in sorted(LOCKS.glob("*.txt")):
        for package in _audit(lock):
            audited += "vulns" in package
            holes += [(package["name"], hole["id"]) for hole in package.get("vulns", ())]
    if not audited:
        pytest.skip("pip-audit: no advisory service is within reach")
    assert [hole for hole in holes if hole[1] not in ANSWERS] == []
    evidence.add("scans", "pip-audit over the locks", f"{audited} packages, no known hole without an answer")


def _audit(lock: Path) -> list[dict[str, object]]:
    argv = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--no-deps"]
    argv += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    return list(json.loads(done.stdout)["dependencies"]) if done.stdout else []
