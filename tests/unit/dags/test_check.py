"""`inv dag.check` and the masks of `inv dag.explain`: what needs no Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gaiaflow import runner
from gaiaflow.dags import check as dagcheck
from gaiaflow.dags.check import Checked, Finding
from gaiaflow.dags.version import churn, differing
from gaiaflow.inspection.masking import MASK, mask
from gaiaflow.lifecycle.dag.check import run_checks
from gaiaflow.project import Project

PACKAGE = Path(runner.__file__).parent
MODULE = """
def plain(a, b=1): ...
def keyword(*, a): ...
def with_params(a, params): ...
def anything(**kwargs): ...
"""


def structure(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"dag": "flow", "file": "flow.py", "tasks": list(tasks)}


def task(name: str, *downstream: str) -> dict[str, Any]:
    return {"task": name, "downstream": list(downstream)}


def said(findings: Any) -> list[tuple[str | None, str]]:
    return [(finding.task, finding.message) for finding in findings]


def test_a_task_that_is_connected_with_nothing_is_named() -> None:
    alone = "the task has no task before it and none behind it"
    assert said(dagcheck.integrity_findings(structure(task("a", "b"), task("b"), task("c")))) == [("c", alone)]
    assert said(dagcheck.integrity_findings(structure(task("a")))) == []
    assert said(dagcheck.integrity_findings(structure())) == [(None, "the DAG has no task")]


def test_a_scheduled_dag_of_which_no_task_knows_its_date_is_a_warning() -> None:
    def found(timed: bool, *takes: bool) -> list[Finding]:
        tasks = [{**task(str(number)), "takes_run": one} for number, one in enumerate(takes)]
        dag = {**structure(*tasks), "timed": timed, "schedule": "@daily"}
        return list(dagcheck.schedule_findings(dag))

    (warned,) = found(True, False, False)
    assert (warned.level, warned.check, warned.dag) == ("warning", "schedule", "flow")
    assert warned.message == (
        "the DAG is scheduled (@daily), and no task takes anything of its run: "
        'FromRun("data_interval_start"), say'
    )
    assert found(True, False, True) == found(False, False) == found(True) == []


def test_an_import_error_is_its_last_line_and_its_hint(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    text = "Traceback ...\n  File ...\nValueError: no such thing\nhint: repair it\n"
    (found,) = dagcheck.import_findings(Project.find(tmp_path), {"bad.py": text})
    assert found == Finding("error", "import", "ValueError: no such thing\n  hint: repair it", file="bad.py")


def test_a_file_over_the_budget_is_a_warning() -> None:
    (found,) = dagcheck.cost_findings({"cheap.py": 1.1, "dear.py": 4.2, "broken.py": None}, 3.0)
    assert (found.level, found.file) == ("warning", "dear.py")
    assert found.message == "reading it costs 4.2 times `import airflow.sdk` alone; the budget is 3.0"


def test_only_errors_fail_the_check() -> None:
    warned = Checked([structure(task("a"))], {"flow.py": 1.0}, [Finding("warning", "cost", "dear")], 20)
    assert warned.ok
    failed = Checked([], {}, [Finding("error", "import", "broken")], 20)
    assert not failed.ok
    assert warned.as_dict()["dags"] == [{"dag": "flow", "file": "flow.py", "tasks": 1}]


def problems(folder: Path, *calls: dict[str, Any]) -> list[str | None]:
    (folder / "sample.py").write_text(MODULE)
    outcome = folder / "outcome.json"
    subprocess.run(
        [sys.executable, str(PACKAGE / "inspection" / "signatures.py"), str(runner.__file__), str(outcome)],
        input=json.dumps(calls),
        text=True,
        check=True,
        env={"GAIAFLOW_CODE": str(folder)},
    )
    found: list[str | None] = json.loads(outcome.read_text())
    return found


def call(function: str, args: int = 0, kwargs: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"function": function, "args": args, "kwargs": list(kwargs)}


def test_calls_are_held_against_the_functions(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        call("sample:plain", 1),
        call("sample:plain", 1, ("c",)),
        call("sample:keyword", 1),
        call("sample:with_params", 1),
        call("sample:anything", 0, ("x", "y")),
        call("sample:plian"),
        call("masking:mask"),
    ) == [
        None,
        "sample:plain(a, b=1) does not take this call: got an unexpected keyword argument 'c'",
        "sample:keyword(*, a) does not take this call: too many positional arguments",
        None,
        None,
        "sample has no function `plian`: there is anything, keyword, plain, with_params",
        "masking does not import: ModuleNotFoundError: No module named 'masking'",
    ]


def stored(number: int, value: Any) -> dict[str, Any]:
    inner = {"task_id": "load", "env": value}
    return {"hash": str(number), "data": {"dag": {"tasks": [{"__var": inner, "__type": "operator"}]}}}


def test_a_dag_that_stays_the_same_has_one_version() -> None:
    assert list(churn([stored(1, "a")] * 20)) == []


def test_what_differs_is_named_by_its_task() -> None:
    samples = [stored(1, ["a", "b"]), stored(2, ["b", "a"]), stored(1, ["a", "b"])]
    assert list(churn(samples)) == [
        '3 looks gave 2 versions: dag.tasks[load].env[0]: "a" or "b"; dag.tasks[load].env[1]: "b" or "a"'
    ]


def test_a_dag_that_cannot_be_stored_says_why() -> None:
    assert list(churn([{"error": "TypeError: no"}])) == ["Airflow cannot store the DAG: TypeError: no"]


def test_lists_of_other_lengths_differ_as_a_whole() -> None:
    assert list(differing({"a": [1]}, {"a": [1, 2]})) == [("a", "[1] or [1, 2]")]
    assert list(differing({"a": 1}, {})) == [("a", "1 or null")]


def test_secrets_are_hidden_by_name() -> None:
    shown = {"AWS_SECRET_ACCESS_KEY": "abc", "MODE": "dev", "db_password": 5, "tokens": True}
    assert mask(shown) == {"AWS_SECRET_ACCESS_KEY": MASK, "MODE": "dev", "db_password": MASK, "tokens": True}
    env = [{"name": "API_TOKEN", "value": "abc"}, {"name": "A", "value": "b"}]
    assert mask(env) == [{"name": "API_TOKEN", "value": MASK}, {"name": "A", "value": "b"}]
    assert mask(["API_TOKEN=abc", "A=b=c"]) == [f"API_TOKEN={MASK}", "A=b=c"]


def test_the_fields_of_a_pod_stay_readable() -> None:
    spec = {"tolerations": [{"key": "nvidia.com/gpu"}], "secret": {"secretName": "certificates"}}
    assert mask(spec) == spec


def test_secrets_are_hidden_by_value_and_in_addresses() -> None:
    assert mask("it is hunter22, or a", {"hunter22", "a"}) == f"it is {MASK}, or a"
    assert mask("postgresql://me:pass@host/db") == f"postgresql://{MASK}@host/db"


def test_secrets_are_hidden_inside_of_json() -> None:
    shown = mask({"GAIAFLOW_CALL": '{"kwargs": {"token": "abc", "x": 1}}'})
    assert json.loads(shown["GAIAFLOW_CALL"]) == {"kwargs": {"token": MASK, "x": 1}}
    assert mask(['CALL={"kwargs": {"token": "abc"}}']) == [f'CALL={{"kwargs": {{"token": "{MASK}"}}}}']


class Asked:
    """An Airflow environment that reads one DAG; it keeps what each of its processes is asked."""

    def __init__(self, project: Project) -> None:
        self.project, self.python, self.environment = project, Path(sys.executable), {}
        self.requests: list[dict[str, Any]] = []

    def ask(self, question: str, _more: dict[str, str], **request: Any) -> dict[str, Any]:
        self.requests.append({"question": question, **request})
        files = {file: len(self.requests) * 0.5 for file in request["timed"]}
        stored = {"flow": {"hash": "1", "data": {}}}
        seconds = {"airflow": 1.0, "files": files} if files else None
        return {"dags": [{**structure(), "timed": False}], "errors": {}, "stored": stored, "seconds": seconds}


def test_a_process_for_each_look_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "flow.py").write_text("from airflow.sdk import DAG\nDAG('flow')\n")
    asked = Asked(Project.find(tmp_path))
    report = run_checks(asked, "flow", None, 3.0, 3)
    assert [(r["question"], r["timed"]) for r in asked.requests] == [
        ("serialise", ["flow.py"]),
        ("serialise", ["flow.py"]),
        ("serialise", []),
    ]
    assert report.costs == {"flow.py": 1.5}  # the least of two looks
    assert report.times == 3


def test_a_file_that_does_not_import_costs_nothing() -> None:
    looks = [
        {"airflow": 2.0, "files": {"a.py": 1.0, "b.py": None}},
        {"airflow": 1.0, "files": {"a.py": 4.0, "b.py": None}},
    ]
    assert dagcheck.costs(looks) == {"a.py": 2.0, "b.py": None}
