"""The machine's clock jumps while the stack runs: by libfaketime, in every process but the S3 store.

The store is a static Go binary, which no preloaded library reaches; so nothing here goes through it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence import Evidence
from small_project import SmallProject

pytestmark = pytest.mark.stack
# Where Debian puts it; the variable names another place.
LIBRARIES = (
    Path(os.environ.get("GAIAFLOW_FAKETIME") or "/nowhere"),
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
)


@pytest.fixture
def jumping(small: SmallProject, tmp_path: Path) -> Iterator[SmallProject]:
    """The small project, with a clock that follows a file."""
    library = next((path for path in LIBRARIES if path.exists()), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    (tmp_path / "offset").write_text("+0\n")
    extra = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "offset"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    yield SmallProject(small.root, extra)
    small.stop()


@pytest.mark.parametrize("offset", ["-7200", pytest.param("+7200", marks=pytest.mark.full)])
def test_a_run_survives_a_jump(jumping: SmallProject, tmp_path: Path, offset: str, evidence: Evidence) -> None:
    jumping.start()
    jumping.inv("dag.run", "kept")
    (tmp_path / "offset").write_text(f"{offset}\n")
    jumping.inv("dag.run", "kept", "--wait", "120")
    jumping.inv("dev.status")
    jumping.stop()
    jumping.assert_nothing_left()
    evidence.add(
        "fault",
        f"the clock jumps by {offset} s while the stack runs (libfaketime; not in the static S3 store)",
        "the next `dag.run` succeeds; stop leaves nothing",
    )
