"""The public names by which a project's noxfile finds the Pythons of its tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gaiaflow.infra.environments import environment
from gaiaflow.project import Project
from gaiaflow.testing import airflow_python, project_python


@pytest.mark.parametrize(("find", "name"), [(airflow_python, "airflow"), (project_python, "project")])
def test_it_is_an_environment_of_the_project(
    find: Callable[..., Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    monkeypatch.setattr(
        environment, "ensure_environment", lambda project, name: project.home / "envs" / name / "bin" / "python"
    )
    monkeypatch.chdir(tmp_path)
    python = tmp_path / ".gaiaflow" / "envs" / name / "bin" / "python"
    assert find() == python
    assert find(Project.find(tmp_path)) == python


def test_noxfiles_of_earlier_projects_still_find_it() -> None:
    from gaiaflow.infra.environment import ensure_environment

    assert ensure_environment is environment.ensure_environment
