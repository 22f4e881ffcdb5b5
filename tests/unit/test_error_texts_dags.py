"""The whole texts of errors: the commands that look into DAGs and run their tasks again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags import check as dagcheck, inspector as inspection, replay as dagreplay, state as dagstate
from gaiaflow.dags.api import NotFoundError
from gaiaflow.dags.inspector import Inspector
from gaiaflow.dags.replay import Recalled
from gaiaflow.lifecycle.dag import check as checking, graph as drawing, replay as replaying
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of


class Answers(Inspector):
    """Knows one DAG without asking Airflow."""

    def ask(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"dags": [{"dag": "flow", "file": "flow.py", "tasks": []}], "errors": {}}


class Api:
    """An Airflow with one DAG, which ran once, and another that did not."""

    def runs(self, dag: str) -> list[dict[str, Any]]:
        if dag == "new":
            return []
        if dag != "flow":
            raise NotFoundError("no such DAG")
        return [{"dag_run_id": "manual__1", "state": "success"}]

    def dag_ids(self) -> list[str]:
        return ["flow", "new"]


API: Any = Api()
PARTS = [{"task_id": "one", "map_index": index} for index in (0, 1)]


def child(project: Project, code: str) -> object:
    """A child of Airflow's environment that does something else than answer."""
    return Inspector(project, Path(sys.executable)).run([sys.executable, "-c", code, "dir/question"], {})


def lost(project: Project) -> object:
    place = Recalled("flow", "one", "r", -1, {}, "success", 1, {}, project.root / "python", None)
    return dagreplay.replay(place, Inspector(project, Path(sys.executable)))


CASES = [
    Case(
        lambda p: dagcheck.structures(p, Answers(p, Path(sys.executable)).ask(), "flwo"),
        2,
        "no DAG `flwo` in {root}/dags (did you mean `flow`?)",
        "there is flow",
    ),
    Case(
        lambda p: child(p, "print('why')"),
        1,
        "the DAGs of {root}/dags could not be read",
        "less {root}/.gaiaflow/test/output/question.log",
    ),
    Case(
        lambda p: child(p, "import time; time.sleep(60)"),
        1,
        "the DAGs of {root}/dags were not read within 1 s",
        "look for what a DAG file does at import",
    ),
    Case(
        lambda _: dagstate.find_run(API, "flwo", "latest"),
        2,
        "Airflow has no DAG `flwo` (did you mean `flow`?)",
        "there is flow, new",
    ),
    Case(lambda _: dagstate.find_run(API, "new", "latest"), 3, "DAG `new` has not run yet", "inv dag.run new"),
    Case(
        lambda _: dagstate.find_run(API, "flow", "manual_1"),
        2,
        "DAG `flow` has no run `manual_1` (did you mean `manual__1`?)",
        "the last are manual__1",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "oen", None),
        2,
        "the run has no task `oen` (did you mean `one`?)",
        "it has one",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "one", None),
        2,
        "task `one` is mapped: there are 2 of it",
        "--map-index 0",
    ),
    Case(
        lambda _: dagreplay.find_instance(PARTS, "one", 2),
        2,
        "task `one` has no map index 2",
        "in this run it has 0 to 1",
    ),
    Case(lost, 3, "no Python at `{root}/python`: the project's environment is not made", "inv dev.start"),
    Case(lambda _: checking._number("much"), 2, "`--budget` is 'much', not a number", "--budget 3.0"),
    Case(
        lambda _: drawing._checked("graph.png"),
        2,
        "`--output` is `graph.png`, not an SVG",
        "--output graph.svg",
    ),
    Case(lambda _: drawing._checked("none/graph.svg"), 2, "no folder `none` for `--output`", "mkdir -p none"),
    Case(
        lambda _: replaying._index("first"),
        2,
        "`--map-index` is `first`, not a number from 0 up",
        "--map-index 0",
    ),
    Case(
        lambda _: replaying._check_terminal(True, True),
        2,
        "`--json` and `--pdb` both want the terminal",
        "leave one of them out",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(inspection, "TIMEOUT", 1)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
