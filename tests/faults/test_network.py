"""No network to the package registry, and a registry that stalls: one clear error, and later it heals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from evidence import Evidence
from loopback import closed_port, silent
from small_project import SmallProject

pytestmark = pytest.mark.stack
START = ("dev.start", "--backend", "embedded", "--auto-ports", "--service", "s3")


@pytest.fixture
def fresh(tmp_path: Path) -> SmallProject:
    """Without environments, and without uv's cache."""
    return SmallProject.make(tmp_path / "fresh", UV_CACHE_DIR=str(tmp_path / "cache"))


def _fails(fresh: SmallProject, **environ: str) -> None:
    told = fresh.inv(*START, code=1, **environ)
    assert re.search(r"^error: `.*/uv pip install", told, re.MULTILINE), told
    assert told.splitlines()[-1].startswith("hint: ")
    assert not (fresh.home / "envs" / "services").exists()
    fresh.inv("dev.stop")
    assert fresh.processes() == {}  # its ports may be another project's: it never got to take them


def test_no_network(fresh: SmallProject, evidence: Evidence) -> None:
    nowhere = f"http://127.0.0.1:{closed_port()}"
    quick = {"UV_HTTP_RETRIES": "0", "NO_PROXY": "", "no_proxy": ""}
    _fails(fresh, HTTPS_PROXY=nowhere, HTTP_PROXY=nowhere, ALL_PROXY=nowhere, **quick)
    _fails(fresh, UV_DEFAULT_INDEX=f"{nowhere}/simple", UV_INDEX_URL=f"{nowhere}/simple", **quick)
    evidence.add(
        "fault",
        "no network to the registry (a proxy that is not there; an index that is not there)",
        "one error with uv's own words, exit 1; no half of an environment stays",
    )


def test_a_registry_that_stalls(fresh: SmallProject, evidence: Evidence) -> None:
    """uv's own 30 s and four tries are cut to 1 s and one, or this test would take two minutes."""
    with silent() as port:
        index = f"http://127.0.0.1:{port}/simple"
        quick = {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "1"}
        _fails(fresh, UV_DEFAULT_INDEX=index, UV_INDEX_URL=index, **quick)
    SmallProject(fresh.root).inv(*START)
    fresh.inv("dev.stop")
    assert fresh.processes() == {}
    evidence.add(
        "fault",
        "a registry that accepts and says nothing (uv's time-out cut from 30 s to 1 s, its retries to none)",
        "one error, exit 1; the next start with a registry recovers",
    )
