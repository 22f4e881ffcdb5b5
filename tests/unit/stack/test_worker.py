"""What the image of worker pods is built from: DAG files, and nothing of the user's that a link names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.images.context import open_to_all
from gaiaflow.project import Project
from gaiaflow.stack import worker


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "sample"
    (root / "dags" / "inner").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    (root / "dags" / "inner" / "flow.py").write_text("flow = 1\n")
    (root / "dags" / "inner" / "flow.py").chmod(0o600)
    return Project.find(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "context"
    made.mkdir()
    return made


def test_any_user_of_the_image_reads_the_copy_and_the_original_stays(project: Project, folder: Path) -> None:
    worker.fill(project, folder)
    assert (folder / "dags" / "inner" / "flow.py").stat().st_mode & 0o777 == 0o644
    assert (folder / "Dockerfile").stat().st_mode & 0o777 == 0o644
    assert (project.dags / "inner" / "flow.py").stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_project_becomes_the_file(project: Project, folder: Path) -> None:
    (project.root / "settings.yaml").write_text("a: 1\n")
    (project.dags / "settings.yaml").symlink_to("../settings.yaml")
    worker.fill(project, folder)
    assert not (folder / "dags" / "settings.yaml").is_symlink()
    assert (folder / "dags" / "settings.yaml").read_text() == "a: 1\n"


def test_a_link_out_of_the_project_is_refused_and_its_target_stays_private(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private.json"
    private.write_text("{}")
    private.chmod(0o600)
    (project.dags / "x.json").symlink_to(private)
    with pytest.raises(UsageError, match="is a link that leads out of the project"):
        worker.fill(project, folder)
    assert private.stat().st_mode & 0o777 == 0o600


def test_no_right_is_given_through_a_link(folder: Path, tmp_path: Path) -> None:
    private, inner = tmp_path / "private", tmp_path / "private" / "inner"
    inner.mkdir(parents=True, mode=0o700)
    private.chmod(0o700)
    (folder / "link").symlink_to(private)
    (folder / "nowhere").symlink_to("/no/such/file")
    open_to_all(folder)
    assert [path.stat().st_mode & 0o777 for path in (private, inner)] == [0o700, 0o700]


def test_a_key_beside_the_dags_stays_out(project: Project, folder: Path) -> None:
    (project.dags / "server.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (project.dags / "inner" / "id_rsa").write_text("x")
    worker.fill(project, folder)
    assert [path.name for path in (folder / "dags").rglob("*") if path.is_file()] == ["flow.py"]
