"""Later versions of the template reach a project, by copier alone and by `inv project.update`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gaiaflow import __version__
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.projects import origin, scaffold, versions as templatestore

ROOT = Path(__file__).parents[2]
WHO = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")
MINE = "# mine\n"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home without versions and without settings of git."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "cache" / "copier"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in [name for name in os.environ if name.startswith("GIT_") and name != "GIT_CONFIG_GLOBAL"]:
        monkeypatch.delenv(name)
    return


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template that a test may change; gaiaflow takes it for its own."""
    copied = tmp_path / "template"
    copied.mkdir()
    templatestore.copy(ROOT, copied)
    monkeypatch.setattr(templatestore, "shipped_template", lambda: copied)
    return copied


VERSION = re.escape(__version__)


def git(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        ["git", *WHO, *argv], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def keep(folder: Path) -> None:
    """Everything committed, as a person does before an update."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "kept")


def copier(*argv: str | Path) -> None:
    command = [sys.executable, "-m", "copier", *map(str, argv)]
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def next_version(template: Path) -> None:
    """A template that says something new in one file and has one file more."""
    file = template / "gaiaflow" / "template" / ".env.example"
    file.write_text(f"{file.read_text()}\n# new in the template\n")
    (template / "gaiaflow" / "template" / "{{ package }}" / "added.py").write_text('"""New."""\n')


def change(project: Path) -> None:
    """What the people of the project did meanwhile."""
    makefile = project / "Makefile"
    makefile.write_text(makefile.read_text() + MINE)
    (project / "own.py").write_text(MINE)
    (project / ".env").write_text("SECRET=1\n")
    (project / "CHANGES.md").unlink()


def check_updated(project: Path) -> None:
    assert "# new in the template" in (project / ".env.example").read_text()
    assert (project / "sea" / "added.py").read_text() == '"""New."""\n'
    assert (project / "Makefile").read_text().endswith(MINE)
    assert (project / "own.py").read_text() == MINE
    assert (project / ".env").read_text() == "SECRET=1\n"
    assert not (project / "CHANGES.md").exists()
    assert not list(project.rglob("*.rej"))
    assert "<<<<<<<" not in git(project, "diff")


def test_copier_copies_and_updates_straight_from_a_repository(template: Path, tmp_path: Path) -> None:
    keep(template)
    git(template, "tag", "v0.1.0")
    project = tmp_path / "sea"
    copier("copy", "--defaults", "--data", "examples=false", template, project)
    assert "_commit: v0.1.0" in (project / scaffold.ANSWERS).read_text()
    assert 'name = "sea"' in (project / "pyproject.toml").read_text()
    keep(project)
    change(project)
    keep(project)
    next_version(template)
    keep(template)
    git(template, "tag", "v0.2.0")
    copier("update", "--defaults", project)
    check_updated(project)
    assert "_commit: v0.2.0" in (project / scaffold.ANSWERS).read_text()


def make(project: Path) -> None:
    scaffold.create(project, {"examples": False})
    keep(project)


def test_update_brings_the_installed_template_and_leaves_the_projects_own(
    template: Path, tmp_path: Path
) -> None:
    project = tmp_path / "sea"
    make(project)
    os.utime(project / "pyproject.toml", (1, 1))
    assert scaffold.update(project) == []
    assert (project / "pyproject.toml").stat().st_mtime == 1  # else make would install again
    change(project)
    keep(project)
    next_version(template)
    changed = scaffold.update(project)
    check_updated(project)
    assert sorted(changed) == [scaffold.ANSWERS, ".env.example", "sea/added.py"]
    keep(project)
    assert scaffold.update(project) == []


def test_a_project_from_a_repository_is_updated_from_there(template: Path, tmp_path: Path) -> None:
    keep(template)
    git(template, "tag", "v0.1.0")
    project = tmp_path / "sea"
    scaffold.create(project, {"examples": False}, template=str(template))
    keep(project)
    change(project)
    keep(project)
    next_version(template)
    keep(template)
    git(template, "tag", "v0.2.0")
    assert sorted(scaffold.update(project)) == [scaffold.ANSWERS, ".env.example", "sea/added.py"]
    check_updated(project)


def test_a_change_in_the_same_place_is_marked_as_a_conflict(template: Path, tmp_path: Path) -> None:
    project = tmp_path / "sea"
    make(project)
    for folder, text in ((project, "ours"), (template / "gaiaflow" / "template", "theirs")):
        (folder / "tasks.py").write_text(f'"""{text}"""\n')
    keep(project)
    assert "tasks.py" in scaffold.update(project)
    told = (project / "tasks.py").read_text()
    assert all(mark in told for mark in ("<<<<<<<", "ours", "theirs", ">>>>>>>"))


def missing_answers(project: Path) -> None:
    (project / scaffold.ANSWERS).unlink()


def other_machine(_: Path) -> None:
    shutil.rmtree(Path(templatestore.kept_at()).expanduser())


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (missing_answers, MissingError, "was not made from the template"),
        (other_machine, MissingError, rf"version `v{VERSION}\+\w+`, which this machine does not have"),
        (change, GaiaflowError, "dirty"),
    ],
)
def test_what_cannot_be_updated_is_refused(
    template: Path, tmp_path: Path, spoil: Callable[[Path], None], kind: type[GaiaflowError], said: str
) -> None:
    project = tmp_path / "sea"
    make(project)
    next_version(template)
    spoil(project)
    with pytest.raises(kind, match=said):
        scaffold.update(project)


def test_the_versions_of_one_content_are_one(template: Path) -> None:
    first = templatestore.publish()
    assert templatestore.publish() == first
    next_version(template)
    second = templatestore.publish()
    assert sorted(templatestore.tags()) == sorted([first, second])
    assert [tag.partition("+")[0] for tag in (first, second)] == [f"v{__version__}", f"v{__version__}.post1"]


def test_two_at_once_keep_one_version(template: Path) -> None:
    with ThreadPoolExecutor() as pool:
        told = set(pool.map(lambda _: templatestore.publish(), range(4)))
    assert told == set(templatestore.tags())
    assert len(told) == 1


def test_the_answers_name_a_source_that_a_colleague_has_too(template: Path, tmp_path: Path) -> None:
    project = tmp_path / "sea"
    make(project)
    assert f"_src_path: {origin.REPOSITORY}\n" in (project / scaffold.ANSWERS).read_text()
    assert not (tmp_path / "cache" / "copier").exists()


def test_a_colleague_with_the_same_content_under_another_number_updates(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_version(template)
    templatestore.publish()
    templatestore.copy(ROOT, template)
    (template / "gaiaflow" / "template" / "{{ package }}" / "added.py").unlink(missing_ok=True)
    project = tmp_path / "sea"
    make(project)
    assert ".post1+" in (project / scaffold.ANSWERS).read_text()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "colleague"))
    templatestore.publish()
    change(project)
    keep(project)
    next_version(template)
    scaffold.update(project)
    check_updated(project)


def test_a_release_has_the_tag_of_the_repository(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = templatestore.publish()
    monkeypatch.setattr(
        origin, "find", lambda: origin.Origin("gaiaflow==1", "the package index", released=True)
    )
    assert templatestore.publish() == plain.partition("+")[0]
    assert templatestore.publish() == plain.partition("+")[0]
    next_version(template)
    assert "+" in templatestore.publish()


def test_a_version_that_only_the_repository_has_is_fetched_from_there(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository.git"
    keep(template)
    git(template, "tag", "v1.0.0")
    git(tmp_path, "clone", "-q", "--bare", str(template), str(repository))
    release = origin.Origin("gaiaflow==1", "the package index", str(repository), released=True)
    monkeypatch.setattr(origin, "find", lambda: release)
    project = tmp_path / "sea"
    scaffold.create(project, {"examples": False}, template=str(repository))
    keep(project)
    assert "_commit: v1.0.0\n" in (project / scaffold.ANSWERS).read_text()
    change(project)
    keep(project)
    next_version(template)
    keep(template)
    git(template, "tag", "v1.1.0")
    git(template, "push", "-q", str(repository), "HEAD:main", "v1.1.0")
    scaffold.update(project)
    check_updated(project)


def test_a_project_that_names_the_folder_of_one_home_names_the_repository_after_an_update(
    template: Path, tmp_path: Path
) -> None:
    project = tmp_path / "sea"
    make(project)
    answers = project / scaffold.ANSWERS
    answers.write_text(answers.read_text().replace(templatestore.address(), templatestore.kept_at()))
    keep(project)
    next_version(template)
    scaffold.update(project)
    assert f"_src_path: {origin.REPOSITORY}\n" in answers.read_text()
