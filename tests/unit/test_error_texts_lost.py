"""The whole texts of errors: what is not ours, what is gone, what ends at once, and what changes in between."""

from __future__ import annotations

import shutil
import sys
import xmlrpc.client
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import gaiaflow
from gaiaflow.dags import test as dagtest
from gaiaflow.doctor import bundle
from gaiaflow.endpoints import PORTS
from gaiaflow.infra.environments import uv
from gaiaflow.infra.host import wait
from gaiaflow.infra.images import engine, engine as docker, image
from gaiaflow.production import plan as dagplan
from gaiaflow.project import Project
from gaiaflow.projects import adoption, scaffold, versions as templatestore
from gaiaflow.stack.composed import belongings
from gaiaflow.stack.embedded import embedded
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.embedded.supervisor import ProcessState, Supervisor
from gaiaflow.stack.services.backend import Holding
from gaiaflow.stack.services.program import Program, Stack
from tests.error_case import Case, fail_with, hold, text_of


class Lost:
    """An engine whose networks carry one label, nobody's by default; all of it is in use."""

    def __init__(self, owner: str = "") -> None:
        found = SimpleNamespace(attrs={"Labels": {docker.PROJECT_LABEL: owner}}, remove=self._refuse)
        self.networks = SimpleNamespace(get=lambda _: found)
        self.images = SimpleNamespace(remove=self._refuse)

    def _refuse(self, *_: str) -> None:
        from docker.errors import APIError

        raise APIError("409", explanation="a container uses it")

    def close(self) -> None:
        """Nothing is open."""


def explained(_: Project) -> object:
    import requests

    found = engine.explained(requests.exceptions.ConnectionError("it went away"))
    assert found is not None
    return fail_with(found)


def between(project: Project) -> object:
    (project.root / "tasks.py").touch()
    return adoption.apply(adoption.Plan(project.root, {"tasks.py": b"x"}, []))


def plans(*added: str) -> dagplan.Plan:
    return dagplan.Plan("s3://bucket/demo", list(added), [], [], [], [])


def run_of_a_dag(project: Project) -> object:
    """The child is a program that leaves nothing."""
    return dagtest.run(project, Path(shutil.which("false") or ""), "flow")


def there(project: Project) -> object:
    (project.root / "doctor.zip").touch()
    return bundle.refuse(project.root / "doctor.zip")


def interrupted(_: Project) -> None:
    with scaffold._copier():
        raise KeyboardInterrupt


def no_template(project: Project) -> None:
    scaffold._copy(str(project.root / "none"), project.root / "new", {}, {})


def started(project: Project) -> object:
    made = Supervisor(project.home)
    made.make_folders()
    return made.start(Program("mlflow", ["mlflow"], {}, project.root))


CASES = [
    Case(explained, 3, "the Docker engine stopped answering: it went away", "docker info, then repeat"),
    Case(between, 1, "`{root}/tasks.py` has come in between: it is left as it is", "inv project.adopt"),
    Case(
        lambda _: dagplan.refuse_changed(plans("a.py"), plans()),
        1,
        "s3://bucket/demo or the DAG files changed since they were shown",
        "inv prod.sync",
    ),
    Case(
        run_of_a_dag,
        1,
        "the run of `flow` ended with 1 and left no result",
        "less {root}/.gaiaflow/test/output/flow.log",
    ),
    Case(there, 2, "`{root}/doctor.zip` is there already", "give --bundle another name"),
    Case(
        lambda _: image._untag(cast(Any, Lost()), "demo:1"),
        1,
        "cannot remove `demo:1`: a container uses it",
        "docker ps --all",
    ),
    Case(
        lambda p: belongings.remove(p, [Holding("network", "theirs", None)]),
        1,
        "network `theirs` is not this project's: not removed",
        "",
    ),
    Case(
        interrupted,
        1,
        "stopped: nothing was made",
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
        "this project was made from template version `v9.9.9`, which this machine does not have",
        "in .copier-answers.yml, put gaiaflow's repository into `_src_path`, its tag into `_commit`; commit, "
        "repeat",
    ),
    Case(
        lambda _: templatestore.shipped_template(),
        3,
        "gaiaflow's project template is not there: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    ),
    Case(
        lambda p: uv.run(p, "--version"),
        1,
        "uv is not in this environment: no file `uv`",
        "make setup",
    ),
    Case(started, 1, "`mlflow` cannot start: BAD_NAME: mlflow", ""),
    Case(
        lambda p: Supervisor(p.home)._await_pid(p.root / "nobody.sock"),
        1,
        "supervisord did not answer within 20 s",
        "read {root}/.gaiaflow/logs/supervisord.log",
    ),
]


@pytest.fixture(autouse=True)
def _lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No engine, no uv, no template, no supervisord; a clock on which 20 s pass at once."""

    def no_uv() -> None:
        raise FileNotFoundError("no file `uv`")

    def refuse(name: str, _: bool) -> None:
        raise xmlrpc.client.Fault(10, f"BAD_NAME: {name}")

    clock = iter(range(0, 10_000, 15))
    passing = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None)
    monkeypatch.setattr(docker, "connect", Lost)
    monkeypatch.setattr(belongings, "connect", Lost)
    monkeypatch.setitem(sys.modules, "uv", cast(Any, SimpleNamespace(find_uv_bin=no_uv)))
    monkeypatch.setattr(gaiaflow, "__file__", str(tmp_path / "gaiaflow" / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(Supervisor, "_call", lambda _: SimpleNamespace(startProcess=refuse))
    monkeypatch.setattr(wait, "time", passing)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_network_in_use(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belongings, "connect", lambda: Lost(project.id))
    told = Case(
        lambda p: belongings.remove(p, [Holding("network", "ours", None)]),
        1,
        "cannot remove network `ours`: a container uses it",
        "docker ps --all",
    )
    hold(told, project)


def test_a_process_that_ends_at_start(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = {"mlflow": ProcessState("mlflow", "EXITED", 0, "")}
    monkeypatch.setattr(Supervisor, "states", lambda _: dead)
    monkeypatch.setattr(Embedded, "_stop", lambda *_: [])
    monkeypatch.setattr(embedded.ports, "is_free", lambda _: True)
    stack = Embedded(project)
    stack._begun = ["mlflow"]
    stack.supervisor.make_folders()
    stack.supervisor.log("mlflow").write_text("no space left\n")
    ports = {name: port.port for name, port in PORTS.items()}
    told = Case(
        lambda _: stack._raise_if_dead(cast(Stack, SimpleNamespace(ports=ports)), {"mlflow": 1}),
        1,
        "`mlflow` ended at start; what this start began is stopped. Its last lines:\nno space left",
        "inv dev.logs --service mlflow",
    )
    hold(told, project)
