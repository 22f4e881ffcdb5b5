"""What a project says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.operators import environment
from gaiaflow.project import Project, slug

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, toml: str = "[tool.gaiaflow]\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(toml)
    return folder


def test_found_from_a_folder_inside(tmp_path: Path) -> None:
    root = make(tmp_path / "My Project", '[project]\nname = "My_Project"\n[tool.gaiaflow]\n')
    inside = root / "dags" / "deep"
    inside.mkdir(parents=True)
    project = Project.find(inside)
    assert (project.root, project.name) == (root, "my-project")
    assert project.home == root / ".gaiaflow"


def test_two_clones_of_one_name_differ(tmp_path: Path) -> None:
    one, two = (Project.find(make(tmp_path / n / "same")) for n in ("a", "b"))
    assert one.name == two.name
    assert one.id != two.id


def test_none_is_said_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no project in .* or above it") as caught:
        Project.find(tmp_path)
    assert caught.value.hint == "inv project.new my-project, or go to your project's folder"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[tool.gaiaflow]\nsorce = "x"\n', r"`sorce` .*did you mean `source`"),
        ('[tool.gaiaflow]\nsource = "nowhere"\n', "`nowhere`, but there is no such folder"),
        ("[tool.gaiaflow]\nname = 3\n", "`name` in"),
        ("[tool.gaiaflow\n", "cannot read"),
    ],
)
def test_a_wrong_table_is_one_clear_error(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        Project.find(make(tmp_path, toml))
    assert caught.value.hint


def test_code_in_src_comes_first(tmp_path: Path) -> None:
    root = make(tmp_path)
    (root / "src" / "inner").mkdir(parents=True)
    (root / "src" / "inner" / "__init__.py").write_text('__version__ = "1.2"\n')
    (root / "dags").mkdir()
    (root / "dags" / "__init__.py").touch()
    project = Project.find(root)
    assert project.code_paths == (root / "src", root)
    assert project.packages == ("inner",)
    assert project.version == "1.2"


def test_dotenv_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.find(make(tmp_path))
    assert project.setting("GAIAFLOW_S3_PORT", "9000") == "9000"
    (tmp_path / ".env").write_text("GAIAFLOW_S3_PORT=9100\nEMPTY\n")
    assert project.setting("GAIAFLOW_S3_PORT", "9000") == "9100"
    assert project.dotenv == {"GAIAFLOW_S3_PORT": "9100"}
    monkeypatch.setenv("GAIAFLOW_S3_PORT", "9200")
    assert project.setting("GAIAFLOW_S3_PORT", "9000") == "9200"


def test_slug_is_good_for_names() -> None:
    assert slug("Sentinel_2 Tiles!") == "sentinel-2-tiles"
    assert slug("---") == "project"
    assert len(slug("x" * 90)) == 40


def test_a_dollar_in_dotenv_is_a_dollar_here_and_in_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `inv` shows and uses is what a function finds."""
    root = make(tmp_path)
    (root / ".env").write_text("GREETING=${HOME}/$x\n")
    monkeypatch.setenv("GAIAFLOW_PROJECT", str(root))
    assert Project.find(root).dotenv == environment.project_variables() == {"GREETING": "${HOME}/$x"}


@pytest.mark.parametrize(
    ("name", "slugged"),
    [
        ("My Model", "my-model"),
        ("naïve", "naive"),
        ("проект", "project-xxxxxx"),
        ("данные", "project-xxxxxx"),
        ("co2 прогноз", "co2-xxxxxx"),
        ("", "project"),
        ("--", "project"),
        ("a" * 60, "a" * 40),
    ],
)
def test_a_name_in_any_script_is_a_name_of_its_own(name: str, slugged: str) -> None:
    assert re.sub(r"-[0-9a-f]{6}$", "-xxxxxx", slug(name)) == re.sub(r"-[0-9a-f]{6}$", "-xxxxxx", slugged)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug(name))
    assert len(slug(name)) <= 40


def test_names_that_lose_their_letters_stay_apart() -> None:
    assert len({slug(name) for name in ("проект", "данные", "数据", "بيانات", "プロジェクト")}) == 5


@pytest.mark.parametrize(("name", "sign"), [("what? #1", "'?'"), ("a:b", "':'"), ("two\nlines", "'\\n'")])
def test_a_folder_that_addresses_cannot_hold_is_refused(tmp_path: Path, name: str, sign: str) -> None:
    """SQLite would put both databases into one file outside of it, and volumes would end at the colon."""
    folder = make(tmp_path / name)
    with pytest.raises(UsageError) as caught:
        Project.find(folder)
    assert caught.value.message == (
        f"`{folder}` has {sign} in its path, which databases and containers cannot handle"
    )


def test_a_home_that_is_a_link_is_refused_and_its_target_stays(tmp_path: Path) -> None:
    root, elsewhere = make(tmp_path / "project"), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    home = root / ".gaiaflow"
    home.symlink_to(elsewhere)
    with pytest.raises(UsageError) as caught:
        Project.find(root)
    assert caught.value.message == f"`{home}` is a link, but a project keeps its state in its own folder"
    assert caught.value.hint == f"rm {home}"
    assert elsewhere.stat().st_mode & 0o777 == 0o755
