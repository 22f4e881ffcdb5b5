"""Mode dev: what is started for a function."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gaiaflow import runner
from gaiaflow.tasks import create_task


def test_a_function_runs_in_the_environment_that_is_there_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of an environment leads to a new folder once packages have changed; the old one stays whole."""
    for name in ("first", "second"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").symlink_to(sys.executable)
    link = tmp_path / "project"
    link.symlink_to("first")
    monkeypatch.setenv("GAIAFLOW_PYTHON", str(link / "bin" / "python"))
    monkeypatch.setenv("GAIAFLOW_MODE", "dev")
    task = create_task("t", "parity.functions:echo")
    assert task.command_line() == [str(tmp_path / "first" / "bin" / "python"), "-u", runner.__file__]
    link.unlink()
    link.symlink_to("second")
    assert task.command_line()[0] == str(tmp_path / "second" / "bin" / "python")
