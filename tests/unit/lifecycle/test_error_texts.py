"""The whole texts of the errors of the commands, as `inv` prints them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.program import Program

from gaiaflow.explained import ERRORS, of_command
from gaiaflow.lifecycle import model as commands, prod
from gaiaflow.lifecycle.dag import check as checking, graph as drawing, replay as replaying
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.models.registry import Version
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

VERSION = Version("co2", 3, "run", "mlflow-artifacts:/0/models/m-1/artifacts")


CASES = [
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
        "`--map-index` is `first`, not a whole number of 0 or more",
        "--map-index 0",
    ),
    Case(
        lambda _: replaying._check_terminal(True, True),
        2,
        "`--json` and `--pdb` cannot be combined",
        "leave one of them out",
    ),
    Case(
        lambda _: prod._version("cncf-kubernetes"),
        2,
        "`--provider` is `cncf-kubernetes`, not NAME=VERSION",
        "--provider cncf-kubernetes=10.12.0",
    ),
    Case(lambda p: commands._stopped(p, VERSION), 3, "the stack was never started", "inv dev.start"),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_count_of_replicas_that_cannot_be() -> None:
    with pytest.raises(Exit) as caught:
        commands.deploy(Context(), "co2", replicas=0)
    assert (caught.value.message, caught.value.code) == (
        "error: `--replicas 0` is not between 1 and 50\nhint: inv model.undeploy MODEL",
        2,
    )


TYPED = [
    ("dag.run", "`dag.run` needs a DAG name; there is demo_flow", "inv dag.run demo_flow"),
    ("dag.run --json", "`dag.run` needs a DAG name; there is demo_flow", "inv dag.run demo_flow"),
    (
        "dag replay flow",
        "`dag.replay` needs a task and a run",
        "inv dag.replay flow TASK RUN; see inv dag.list",
    ),
    ("model.serve", "`model.serve` needs a model", "inv model.serve MODEL; see inv model.list"),
    ("secret.create", "`secret.create` needs a name", "inv secret.create NAME; see inv secret.list"),
    ("project.new", "`project.new` needs a folder", "inv project.new PATH"),
    ("dev strat", "unknown command `dev strat` (did you mean `dev.start`?)", "inv --list"),
    ("start", "unknown command `start` (did you mean `dev.start`?)", "inv --list"),
    ("doctor dev", "`dev` is a group of commands", "inv help dev"),
    ("help dev.strat", "unknown command `dev.strat` (did you mean `dev.start`?)", "inv --list"),
    (
        "dev.start --port 8081",
        "unknown option `--port` of `dev.start`: each service has its own",
        "--airflow-port, --jupyter-port, --mlflow-port, --s3-console-port, --s3-port",
    ),
    (
        "dag.run flow --mode prod_local",
        "unknown option `--mode` of `dag.run`: the running Airflow decides the mode",
        "inv dev.restart --service airflow --mode MODE, or inv dag.test NAME --mode MODE",
    ),
    ("dag.run co2", "no file in {root}/dags defines a DAG `co2`", "there is demo_flow"),
    (
        "dag.run demo_flwo",
        "no file in {root}/dags defines a DAG `demo_flwo` (did you mean `demo_flow`?)",
        "there is demo_flow",
    ),
    ("dev.open all", "`all` has no page to open", "one of s3, mlflow, airflow, jupyter"),
    ("dev.stop -v", "unknown option `-v` of `dev.stop`", "inv --help dev.stop"),
    (
        "dag.run flow --conf {",
        "`--conf` is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        '--conf \'{"name": "value"}\'',
    ),
    ("dag.test flow --conf [1]", "`--conf` is a JSON list, not an object", "--conf '{\"name\": 1}'"),
    (
        "dag.test flow --mode prodlocal",
        "unknown mode `prodlocal` (did you mean `prod_local`?)",
        "one of dev, dev_docker, prod_local, prod",
    ),
    ("dag.check --budget much", "`--budget` is 'much', not a number", "--budget 3.0"),
    ("dag.graph flow --output a.png", "`--output` is `a.png`, not an SVG", "--output a.svg"),
    ("dag.graph flow --output none/a.svg", "no folder `none` for `--output`", "mkdir -p none"),
    (
        "dag.replay flow load run --json --pdb",
        "`--json` and `--pdb` cannot be combined",
        "leave one of them out",
    ),
    (
        "dag.replay flow load run --map-index x",
        "`--map-index` is `x`, not a whole number of 0 or more",
        "--map-index 0",
    ),
    (
        "dev.start --service mlfow",
        "unknown service `mlfow` (did you mean `mlflow`?)",
        "one of s3, mlflow, airflow, jupyter, model, minio, all",
    ),
    (
        "dev.stop --service s3 --delete-volume",
        "`--delete-volume` removes the data of all services",
        "inv dev.stop --delete-volume",
    ),
    (
        "dev.restart --service s3 --mode dev",
        "`--mode` works only with the service `airflow`",
        "inv dev.restart --service airflow --mode dev",
    ),
    (
        "dev.update-deps --upgrade",
        "`--upgrade` needs `--lock`",
        "inv dev.update-deps --lock --upgrade",
    ),
    ("dev.logs --follow --json", "`--follow` and `--json` cannot be combined", "inv dev.logs --json"),
    ("dev.export --format yaml", "unknown format `yaml`", "one of compose, env"),
    (
        "dev.export --format compsoe",
        "unknown format `compsoe` (did you mean `compose`?)",
        "one of compose, env",
    ),
    ("dev.timings --last 0", "`--last` is 0: one or more", "inv dev.timings --last 5"),
    (
        "prodlocal.dockerize --existing --no-cache",
        "`--existing` builds nothing, so options of the build cannot be added",
        "inv prodlocal.dockerize",
    ),
    (
        "prodlocal.start --executor kubernetes --cluster-only",
        "`--executor` changes the stack, so `--cluster-only` cannot be added",
        "inv prodlocal.start",
    ),
    (
        "prodlocal.status --profile a --context b",
        "use either --profile or --context, not both",
        "give one of them",
    ),
    (
        "secret.list --mode prod",
        "the secrets of mode prod are kept in production's cluster, not here",
        "--mode prod_local",
    ),
    ("project.new other --examples maybe", "`--examples` is `maybe`, not yes or no", "--examples=no"),
    ("project.new other", "there is no terminal to ask on", "inv project.new other --defaults"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "flow.py").write_text("from airflow.sdk import DAG\n\nDAG('demo_flow')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    return tmp_path


def inv(words: list[str]) -> int:
    try:
        Program(namespace=namespace()).run(["inv", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def see(message: str) -> str:
    """The last line of an error that a page explains."""
    return f"see: {page}\n" if (page := of_command(message)) else ""


@pytest.mark.parametrize(("typed", "message", "hint"), TYPED, ids=[case[0] for case in TYPED])
def test_a_wrong_call_is_told_once_and_leaves_two(
    capsys: pytest.CaptureFixture[str], folder: Path, typed: str, message: str, hint: str
) -> None:
    message = message.replace("{root}", str(folder))
    assert inv(typed.split()) == 2
    shown = capsys.readouterr()
    if "--json" in typed:
        error = {"message": message, "hint": hint, "code": 2, "see": of_command(message)}
        assert (json.loads(shown.out), shown.err) == ({"schema": 1, "error": error}, "")
    else:
        assert (shown.out, shown.err) == ("", f"error: {message}\nhint: {hint}\n{see(message)}")


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("dev.restart", "nothing is running", "inv dev.start, or inv dev.restart --start"),
        ("dev.open jupyter", "`jupyter` is not running", "inv dev.start --service jupyter"),
        ("dag.run demo_flow", "Airflow is not running", "inv dev.start"),
    ],
)
def test_what_needs_the_stack_says_so_and_leaves_three(
    capsys: pytest.CaptureFixture[str], folder: Path, typed: str, message: str, hint: str
) -> None:
    assert inv(typed.split()) == 3
    assert capsys.readouterr() == ("", f"error: {message}\nhint: {hint}\n{see(message)}")
    assert not (folder / ".gaiaflow" / "envs").exists()


def test_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert inv(["dev.status"]) == 3
    assert capsys.readouterr().err == (
        f"error: no project in `{tmp_path}` or above it: no pyproject.toml with [tool.gaiaflow]\n"
        "hint: inv project.new my-project, or go to your project's folder\n"
        f"see: {ERRORS}#no-project\n"
    )
    (tmp_path / "requirements.txt").touch()
    assert inv(["dev.status"]) == 3
    assert "\nhint: inv project.adopt, or go to your project's folder\n" in capsys.readouterr().err
