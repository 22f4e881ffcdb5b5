"""What an attempt leaves for the next one, where no cluster keeps it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from gaiaflow.operators.job import kept
from gaiaflow.operators.job.kept import Kept

TI = SimpleNamespace(dag_id="flow", task_id="tile", run_id="one", map_index=-1)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


def left(results: dict[int, str], calls: list[str]) -> Kept:
    found = Kept.of(TI, calls)
    found.results.update(results)
    found.write()
    return found


def test_the_values_are_those_of_the_same_calls() -> None:
    left({0: "1", 2: '{"a": null}'}, ["a", "b", "c"])
    again = Kept.of(TI, ["a", "b", "c"])
    assert again.results == {0: "1", 2: '{"a": null}'}
    again.results[1] = "2"
    assert again.values(3) == [1, 2, {"a": None}]
    assert Kept.of(TI, ["a", "b", "d"]).results == {}
    assert Kept.of(SimpleNamespace(**{**vars(TI), "run_id": "other"}), ["a", "b", "c"]).results == {}


def test_no_other_user_reads_them_and_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    found = left({0: "1"}, ["a"])
    (file,) = (tmp_path / kept.FOLDER).iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    found.forget()
    assert not file.exists()


def test_those_of_a_task_that_never_ran_again_go_after_a_day(tmp_path: Path) -> None:
    left({0: "1"}, ["a"])
    (old,) = (tmp_path / kept.FOLDER).iterdir()
    past = time.time() - kept.LONGEST - 60
    os.utime(old, (past, past))
    other = Kept.of(SimpleNamespace(**{**vars(TI), "run_id": "other"}), ["a"])
    other.results[0] = "2"
    other.write()
    assert not old.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"of": "x"}', "\x00"])
def test_a_broken_file_is_as_none(tmp_path: Path, text: str) -> None:
    left({0: "1"}, ["a"])
    (file,) = (tmp_path / kept.FOLDER).iterdir()
    file.write_text(text)
    assert Kept.of(TI, ["a"]).results == {}


def test_without_a_home_all_calls_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_HOME")
    left({0: "1"}, ["a"])
    assert Kept.of(TI, ["a"]).results == {}
