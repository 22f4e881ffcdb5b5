"""The whole texts of the errors of new, adopted and updated projects."""

from __future__ import annotations

from pathlib import Path

import pytest

import gaiaflow
from gaiaflow.project import Project
from gaiaflow.projects import adoption, dagfile, scaffold, versions as templatestore
from tests.error_case import Case, hold, text_of


def linked_dag_file(project: Project) -> object:
    project.dags.mkdir()
    (project.dags / "a.py").symlink_to("/etc/passwd")
    return dagfile.dag_files(project)


def between(project: Project) -> object:
    (project.root / "tasks.py").touch()
    return adoption.apply(adoption.Plan(project.root, {"tasks.py": b"x"}, []))


def interrupted(_: Project) -> None:
    with scaffold._copier():
        raise KeyboardInterrupt


def no_template(project: Project) -> None:
    scaffold._copy(str(project.root / "none"), project.root / "new", {}, {})


CASES = [
    Case(
        linked_dag_file,
        2,
        "`{root}/dags/a.py` is a link that leads out of the project",
        "put the file itself into the project",
    ),
    Case(
        lambda p: adoption.plan(p.root / "none"),
        3,
        "no project in `{root}/none`",
        "inv project.new {root}/none",
    ),
    Case(
        lambda _: scaffold.check_answers({"name": "a", "package": "my-pkg"}),
        2,
        "`my-pkg` is not a valid package name: lower case, digits and _",
        "--package my_pkg",
    ),
    Case(between, 1, "`{root}/tasks.py` appeared meanwhile: not overwritten", "inv project.adopt"),
    Case(
        interrupted,
        1,
        "stopped: nothing was created",
        "inv project.new PATH --defaults asks nothing",
    ),
    Case(
        no_template,
        1,
        "copier refused: Local template must be a directory.",
        "see the questions and answers in copier.yml",
    ),
    Case(
        lambda _: scaffold._is_kept(templatestore.kept_at(), "v9.9.9"),
        3,
        "this project was created from template version `v9.9.9`, which this machine does not have",
        "in .copier-answers.yml, put gaiaflow's repository into `_src_path`, its tag into `_commit`; commit, "
        "repeat",
    ),
    Case(
        lambda _: templatestore.shipped_template(),
        3,
        "gaiaflow's project template is missing: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    ),
    Case(
        lambda _: scaffold.check_answers({"environment": "cnda"}),
        2,
        "unknown environment `cnda` (did you mean `conda`?)",
        "one of uv, pixi, conda",
    ),
    Case(dagfile.dag_files, 3, "no folder `{root}/dags`", "mkdir {root}/dags"),
    Case(
        lambda _: scaffold.check_answers({"name": "a b"}),
        2,
        "`a b` is not a valid project name: letters, digits, dots and dashes",
        "--name a-b",
    ),
    Case(
        lambda p: scaffold.check_folder(p.root / "pyproject.toml"),
        2,
        "`{root}/pyproject.toml` is a file",
        "give the folder of the new project",
    ),
    Case(
        lambda p: scaffold.check_folder(p.root),
        2,
        "`{root}` is not empty: it contains `pyproject.toml`",
        "choose a new folder, or for an existing project: cd {root} && inv project.adopt",
    ),
    Case(
        lambda p: scaffold.update(p.root),
        3,
        "no `.copier-answers.yml` in `{root}`: it was not made from the template",
        "inv project.adopt",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    monkeypatch.setattr(gaiaflow, "__file__", str(tmp_path / "gaiaflow" / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
