"""The commit of a tree: found, told dirty, noted for containers, and never of another repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gaiaflow.commit import tree_commit
from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.project import Project
from gaiaflow.stack.composed.composition import Composition

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no `git` on PATH")
IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *argv], cwd=folder, check=True, capture_output=True, text=True, timeout=30
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / ".gitignore").write_text(".gaiaflow\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "tag", "v1")
    return tmp_path


def test_the_commit_is_told_in_full_and_an_edit_says_so(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    inner = tree / "inner"
    inner.mkdir()
    assert tree_commit(tree) == tree_commit(inner) == head
    (tree / ".gitignore").write_text("data\n")
    assert tree_commit(inner) == f"{head}-dirty"


def test_nobody_knows_without_a_repository_a_commit_or_git(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    assert tree_commit(other) == ""
    git(other, "init", "-q")
    assert tree_commit(other) == ""
    monkeypatch.setenv("PATH", str(other))
    assert tree_commit(tree) == ""


def test_the_variables_of_a_git_hook_mean_no_other_repository(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere/.git")
    assert len(tree_commit(tree)) == 40


def test_the_composed_airflow_finds_the_note_of_the_host(tree: Path) -> None:
    tree.chmod(0o755)
    made = Composition(Project.find(tree), {name: entry.port for name, entry in PORTS.items()})
    first = made.fingerprint()
    made.write()
    note = made.home / "task" / "commit"
    assert note.read_text() == f"{git(tree, 'rev-parse', 'HEAD')}\n"
    assert f"GAIAFLOW_COMMIT_FILE='{note}'" in (made.home / "airflow.env").read_text()
    made.write()
    written = made.fingerprint()
    (tree / "more").touch()
    git(tree, "add", "more")
    git(tree, "commit", "-q", "-m", "two")
    made.write()
    assert note.read_text() == f"{git(tree, 'rev-parse', 'HEAD')}\n"
    assert made.fingerprint() == written != first, "a commit makes no container anew"


def test_an_image_says_what_it_is_in_its_last_lines() -> None:
    lines = (shipped("compose") / "project.Dockerfile").read_text().splitlines()
    assert lines[-4:] == [
        "ARG GAIAFLOW_COMMIT",
        "ARG GAIAFLOW_CONTENT",
        "ENV GAIAFLOW_COMMIT=${GAIAFLOW_COMMIT} GAIAFLOW_CONTENT=${GAIAFLOW_CONTENT}",
        'CMD ["python"]',
    ]
