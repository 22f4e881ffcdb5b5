"""The public name by which a project's noxfile finds the Python of its DAG tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.infra.environments import environment
from gaiaflow.project import Project
from gaiaflow.testing import airflow_python


def test_it_is_the_airflow_environment_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    monkeypatch.setattr(
        environment, "ensure_environment", lambda project, name: project.home / "envs" / name / "bin" / "python"
    )
    monkeypatch.chdir(tmp_path)
    python = tmp_path / ".gaiaflow" / "envs" / "airflow" / "bin" / "python"
    assert airflow_python() == python
    assert airflow_python(Project.find(tmp_path)) == python


def test_noxfiles_of_earlier_projects_still_find_it() -> None:
    from gaiaflow.infra.environment import ensure_environment

    assert ensure_environment is environment.ensure_environment
