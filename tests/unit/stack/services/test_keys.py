"""Keys are made once, kept private, and nobody's default."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack.services import keys


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    return Project.find(tmp_path)


def test_they_are_the_same_the_next_time(project: Project) -> None:
    assert keys.load(project) == keys.load(project)


def test_no_two_are_alike_and_none_is_short(project: Project) -> None:
    values = list(asdict(keys.load(project)).values())
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 20


def test_the_file_and_its_folder_are_private(project: Project) -> None:
    keys.load(project)
    assert keys.place(project).stat().st_mode & 0o777 == 0o600
    assert project.home.stat().st_mode & 0o777 == 0o700


def test_a_missing_key_is_added_and_the_others_stay(project: Project) -> None:
    first = keys.load(project)
    kept = privatefile.read_json(keys.place(project))
    del kept["jupyter_token"]
    privatefile.write_json(keys.place(project), kept)
    second = keys.load(project)
    assert second.s3_secret_key == first.s3_secret_key
    assert second.jupyter_token


def test_two_first_commands_at_one_moment_have_the_same_keys(project: Project) -> None:
    """The second waits for the keys of the first instead of making its own."""
    home = privatefile.folder(project.home)
    with ThreadPoolExecutor() as pool:
        with privatefile.locked(home / "keys.lock"):
            second = pool.submit(keys.load, project)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.3)
            first = keys.Keys()
            privatefile.write_json(keys.place(project), asdict(first))
        assert second.result(timeout=10) == first


def test_they_do_not_show_when_printed(project: Project) -> None:
    found = keys.load(project)
    assert not [value for value in asdict(found).values() if value in repr(found)]


def test_a_file_that_was_cut_reads_as_empty(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_text('{"ports": {"s3"')
    assert privatefile.read_json(file) == {}


def test_a_folder_that_is_too_wide_is_narrowed(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir(mode=0o755)
    assert privatefile.folder(wide).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"jupyter_token": 5}', '{"airflow_fernet": ""}', "\x00"]
)
def test_keys_that_cannot_be_read_are_never_replaced(project: Project, text: str) -> None:
    """New ones would lock the person out of the data that the old ones made."""
    keys.load(project)
    keys.place(project).write_text(text)
    with pytest.raises(GaiaflowError, match=r"keys\.json"):
        keys.load(project)
    assert keys.place(project).read_text() == text
