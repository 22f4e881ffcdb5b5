"""What the unit tests share: a project of its own, whatever the shell says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gaiaflow.infra.images import kind
from gaiaflow.lifecycle.terminal.called import called
from gaiaflow.project import Project

# A busy machine is no failure.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def uncalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program was called yet; what one test calls is not what the next one is told to call."""
    monkeypatch.setattr(called, "name", "")


@pytest.fixture(autouse=True)
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the engine of this machine: its kind is what the address tells."""
    monkeypatch.setattr(kind, "_find", lambda address: kind.judge({}, address, kind.Machine("Linux", "6.1.0")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)
