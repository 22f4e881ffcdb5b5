"""The ids of DAGs read off files: all of them, or known not to be all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.dags import state as dagstate
from gaiaflow.dags.api import AirflowApi
from gaiaflow.dags.declared import Declared, declared
from gaiaflow.lifecycle.dev import ending
from gaiaflow.project import Project

WITH = "from airflow.sdk import DAG\n\nwith DAG({}):\n    pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    return Project.find(tmp_path)


@pytest.mark.parametrize(
    ("text", "ids", "complete"),
    [
        (WITH.format("'one', schedule=None"), {"one"}, True),
        (WITH.format("dag_id='one'"), {"one"}, True),
        (WITH.format("'one'") + WITH.format("'two'"), {"one", "two"}, True),
        ("import airflow.sdk\n\nairflow.sdk.DAG('one')\n", {"one"}, True),
        ("from airflow.sdk import dag\n\n@dag\ndef one(): ...\n", {"one"}, True),
        ("from airflow.sdk import dag\n\n@dag(schedule=None)\ndef one(): ...\n", {"one"}, True),
        ("from airflow.sdk import dag\n\n@dag('two')\ndef one(): ...\n", {"two"}, True),
        ("from airflow.sdk import dag\n\n@dag(dag_id=NAME)\ndef one(): ...\n", set(), False),
        (WITH.format("f'tile_{number}'"), set(), False),
        ("from my_package import DAGS\n" + WITH.format("'one'"), {"one"}, False),
        ("from .sibling import other\n" + WITH.format("'one'"), {"one"}, False),
        (
            "from gaiaflow.dagfactory import load_yaml_dags  # airflow\nload_yaml_dags(globals())\n",
            set(),
            False,
        ),
        ("# airflow reads it\nfrom my_package import DAGS\n", set(), False),
        (WITH.format("'one'") + "(", set(), False),
        ("import numpy\n", set(), True),  # Airflow passes it over
    ],
)
def test_what_a_file_names(project: Project, text: str, ids: set[str], complete: bool) -> None:
    (project.dags / "flow.py").write_text(text)
    assert declared(project) == Declared(frozenset(ids), complete)


def test_files_in_folders_count_and_an_archive_may_hold_more(project: Project) -> None:
    (project.dags / "inner").mkdir()
    (project.dags / "inner" / "flow.py").write_text(WITH.format("'one'"))
    assert declared(project) == Declared(frozenset({"one"}), True)
    (project.dags / "more.zip").touch()
    assert declared(project) == Declared(frozenset({"one"}), False)


def test_the_example_is_read() -> None:
    assert declared(Project.find(Path(__file__).parents[3])) == Declared(frozenset({"co2_forecast"}), True)


def test_a_project_without_dags_has_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    assert declared(Project.find(tmp_path)) == Declared(frozenset(), True)


class Broken(AirflowApi):
    """An Airflow that could not import one file."""

    def import_errors(self) -> dict[str, str]:
        return {"sub/a.py": "ModuleNotFoundError: No module named 'nowhere'"}


def test_a_dag_whose_file_airflow_could_not_import_is_not_suggested(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.dags / "sub").mkdir()
    (project.dags / "sub" / "a.py").write_text("import nowhere\n" + WITH.format("'a'"))
    (project.dags / "b.py").write_text(WITH.format("'b'"))
    monkeypatch.setattr(dagstate, "running", lambda _: None)
    assert dagstate.importable(project) == ["a", "b"]
    monkeypatch.setattr(dagstate, "running", lambda _: Broken("http://127.0.0.1:9", "", ""))
    assert dagstate.importable(project) == ["b"]
    assert ending.next_steps(project, {"airflow"})[0] == "next:  inv dag.run b"
