"""Runs DAGs in this process in mode dev, and the matrix: green when modes agree, red when one does not."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.project import Project
from gaiaflow.testing import RunResult, run_dag, run_matrix
from gaiaflow.testing.run import SEE_LOG

GOOD = """
from datetime import timedelta
from airflow.sdk import DAG, Param
from gaiaflow.tasks import FromTask, create_task

with DAG("good", schedule=None, params={"scale": Param(2, type="integer")}):
    create_task("one", "pk.f:one", func_kwargs={"x": [1, "{{ ds }}"]})
    create_task("many", "pk.f:same", map_over={"y": [3, 1, 2]})
    create_task("all", "pk.f:same", func_args=[[FromTask("one", "x"), FromTask("many")]])
    create_task("none", "pk.f:nothing")
    create_task("text", "pk.f:text")

with DAG("bad", schedule=None):
    create_task("fails", "pk.f:fails", retries=3, retry_delay=timedelta(hours=1))
    create_task("after", "pk.f:same", func_args=[FromTask("fails")])
"""
FUNCTIONS = """
def one(x, params):
    print("printed")
    return {"x": x, "params": params, "large": 2**60 + 1}

def same(y):
    return y

def nothing():
    pass

def text():
    return '{"a": 1}'

def fails():
    raise ValueError("first line\\nsecond line")
"""
Make = Callable[..., Path]


def test_values_params_maps_and_none(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD, FUNCTIONS))
    run = run_dag("good", "dev", {"scale": 5}, project=found, home=airflow_home)
    assert run.succeeded
    assert run.tasks["one"].value == {"x": [1, "{{ ds }}"], "params": {"scale": 5}, "large": 2**60 + 1}
    assert run.tasks["many"].value == [3, 1, 2]
    assert run.tasks["all"].value == [[1, "{{ ds }}"], [3, 1, 2]]
    assert run.tasks["none"].value is None
    assert run.tasks["text"].value == '{"a": 1}'
    assert run.edges["one"] == ["all"]
    assert set(run.as_dict()) == {"dag", "state", "tasks"}
    assert set(run.as_dict()["tasks"]["one"]) == {"state", "value", "seconds"}


def test_a_failure_shows_at_once_with_its_last_line(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD, FUNCTIONS))
    run = run_dag("bad", project=found, home=airflow_home)
    assert run.state == "failed"
    assert run.tasks["fails"].state == "failed"
    assert run.tasks["fails"].error == "pk.f:fails raised ValueError: first line second line"
    assert run.tasks["after"].state == "upstream_failed"


def test_an_edit_counts_in_the_next_run(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD, FUNCTIONS))
    assert run_dag("good", project=found, home=airflow_home).tasks["many"].value == [3, 1, 2]
    project(GOOD, FUNCTIONS.replace("return y", "return [y]"))
    assert run_dag("good", project=found, home=airflow_home).tasks["many"].value == [[3], [1], [2]]


def test_unknown_dag_broken_file_and_wrong_conf(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD, FUNCTIONS))
    with pytest.raises(UsageError, match=r"no DAG `god` .*did you mean `good`\?"):
        run_dag("god", project=found, home=airflow_home)
    with pytest.raises(UsageError, match="`scale` of `--conf`"):
        run_dag("good", "dev", {"scale": "five"}, project=found, home=airflow_home)
    project(GOOD.replace('FromTask("fails")', 'FromTask("failz")'), FUNCTIONS)
    with pytest.raises(GaiaflowError, match=r"`file.py` does not import: .*did you mean `fails`"):
        run_dag("bad", project=found, home=airflow_home)


def test_dag_test_prints_nothing_on_stdout_and_one_object_in_the_file(project: Make, tmp_path: Path) -> None:
    import subprocess
    import sys

    folder = project(GOOD, FUNCTIONS)
    outcome, log = tmp_path / "outcome.json", tmp_path / "log.txt"
    argv = [sys.executable, "-m", "gaiaflow.testing.inprocess", "--project", str(folder), "--dag", "good"]
    argv += ["--outcome", str(outcome), "--log", str(log)]
    env = {**os.environ, "AIRFLOW_HOME": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == ""
    assert "one | printed" in done.stderr.splitlines()
    assert json.loads(outcome.read_text())["state"] == "success"


def test_the_matrix_is_green_when_dev_and_the_rendered_pods_agree(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD.split('with DAG("bad"', maxsplit=1)[0], FUNCTIONS))
    cells = run_matrix([found], modes=["dev", "prod"], home=airflow_home)
    assert [(c.mode, c.outcome, c.how, c.detail) for c in cells] == [
        ("dev", "passed", "ran", []),
        ("prod", "passed", "rendered", []),
    ]


BROKEN = {
    "an argument": ('func_kwargs={"x": [1, "{{ ds }}"]}', 'func_kwargs={"x": MODE}', "call differs"),
    "an edge": (
        'create_task("none"',
        'if MODE == "prod": dag.get_task("one") >> dag.get_task("many")\n    create_task("none"',
        "downstream of `one`",
    ),
    "a task": ('create_task("none"', 'create_task("none" if MODE == "dev" else "nil"', "`nil`"),
    "a pod": ('"pk.f:nothing")', '"pk.f:nothing", kubernetes={"container_resources": 3})', "gaiaflow sets it"),
    "security": (
        '"pk.f:nothing")',
        '"pk.f:nothing", kubernetes={"container_security_context": {"allowPrivilegeEscalation": True}})',
        "(Privilege Escalation)",
    ),
    "an address": ('"pk.f:nothing")', '"pk.f:nothing", env_vars={"A": "http://127.0.0.1:9"})', "local address"),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_one_mode_broken_on_purpose_turns_the_matrix_red(project: Make, airflow_home: Path, what: str) -> None:
    old, new, said = BROKEN[what]
    good = GOOD.split('with DAG("bad"', maxsplit=1)[0].replace(
        'type="integer")}):', 'type="integer")}) as dag:'
    )
    text = 'import os\nMODE = os.environ["GAIAFLOW_MODE"]\n' + good.replace(old, new)
    assert text.count(new) == 1
    cells = run_matrix([Project.find(project(text, FUNCTIONS))], modes=["dev", "prod"], home=airflow_home)
    assert [c.outcome for c in cells] == ["passed", "failed"]
    assert said in " ".join(cells[1].detail)


def test_a_mode_that_gives_another_value_turns_the_matrix_red(
    project: Make, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second mode's run is the first one's with one value changed in kind."""
    from gaiaflow.testing import availability

    monkeypatch.setattr(availability, "missing", lambda _mode, _project: "")
    found = Project.find(project(GOOD.split('with DAG("bad"', maxsplit=1)[0], FUNCTIONS))

    def runner(name: str, mode: str, **options: object) -> RunResult:
        run = run_dag(name, "dev", **options)  # type: ignore[arg-type]
        if mode == "dev":
            return run
        return replace(run, tasks={**run.tasks, "many": replace(run.tasks["many"], value=[3.0, 1, 2])})

    cells = run_matrix([found], modes=["dev", "dev_docker"], runner=runner, home=airflow_home)
    assert [c.outcome for c in cells] == ["passed", "failed"]
    assert cells[1].detail == ["value of `many`: [3, 1, 2] there, [3.0, 1, 2] here"]


def test_a_failure_on_purpose_without_its_error_is_no_pass(project: Make, airflow_home: Path) -> None:
    bad = GOOD[: GOOD.index("with DAG")] + GOOD[GOOD.index('with DAG("bad"') :]
    text = bad.replace('"bad", schedule=None', '"bad", schedule=None, tags=["fails-on-purpose"]')
    found = Project.find(project(text, FUNCTIONS))

    def runner(name: str, mode: str, **options: object) -> RunResult:
        run = run_dag(name, mode, **options)  # type: ignore[arg-type]
        return replace(run, tasks={**run.tasks, "fails": replace(run.tasks["fails"], error=SEE_LOG)})

    assert run_matrix([found], modes=["dev"], home=airflow_home)[0].outcome == "passed"
    (cell,) = run_matrix([found], modes=["dev"], runner=runner, home=airflow_home)
    assert (cell.outcome, cell.detail) == ("failed", [f"`fails`: {SEE_LOG}"])


def test_a_skip_is_a_failure_where_the_mode_is_required(
    project: Make, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Project.find(project(GOOD.split('with DAG("bad"', maxsplit=1)[0], FUNCTIONS))
    cells = run_matrix([found], modes=["dev", "prod_local"], home=airflow_home)
    assert cells[1].outcome == "skipped"
    assert "inv prodlocal.start" in cells[1].detail[0]
    monkeypatch.setenv("GAIAFLOW_REQUIRE_MODES", "dev,prod_local")
    cells = run_matrix([found], modes=["dev", "prod_local"], home=airflow_home)
    assert [c.outcome for c in cells] == ["passed", "failed"]


def test_a_file_that_does_not_import_is_a_failed_cell(project: Make, airflow_home: Path) -> None:
    found = Project.find(project("from airflow.sdk import DAG\nimport nowhere_at_all\n", FUNCTIONS))
    (cell,) = run_matrix([found], modes=["dev"], home=airflow_home)
    assert cell.outcome == "failed"
    assert "nowhere_at_all" in cell.detail[0]


def test_the_plugin_gives_a_project_its_fixtures(project: Make) -> None:
    import subprocess
    import sys

    folder = project(GOOD, FUNCTIONS)
    (folder / "test_dags.py").write_text(
        "import pytest\n"
        "def test_integrity(dagbag):\n    assert dagbag.errors == {} and set(dagbag.dags) == {'good', 'bad'}\n"
        "def test_run(run_dag):\n    assert run_dag('good', mode='dev').tasks['many'].value == [3, 1, 2]\n"
        "def test_skip(run_dag):\n    run_dag('good', mode='prod_local')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", "pytest", "-p", "gaiaflow.testing.plugin", "-p", "no:cacheprovider", "-rs"]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert "2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "inv prodlocal.start" in done.stdout


def test_a_broken_file_stops_only_its_own_dags(project: Make, airflow_home: Path) -> None:
    found = Project.find(project(GOOD, FUNCTIONS))
    (found.dags / "syntax.py").write_text('"""airflow"""\nwith DAG("broken"):\n    create_task("a", "m:f"\n')
    assert run_dag("good", "dev", project=found, home=airflow_home).succeeded
    with pytest.raises(GaiaflowError) as caught:
        run_dag("broken", project=found, home=airflow_home)
    assert caught.value.message == (
        "no DAG `broken`, and `syntax.py` does not import: SyntaxError: '(' was never closed\n"
        '  dags/syntax.py:3\n    create_task("a", "m:f"\n               ^'
    )
    with pytest.raises(UsageError, match=r"no DAG `god` in .*did you mean `good`"):
        run_dag("god", project=found, home=airflow_home)
