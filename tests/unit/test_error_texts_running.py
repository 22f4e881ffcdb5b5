"""The whole texts of errors: a stack that runs or does not, Airflow's answers, a run of the past, models."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from gaiaflow.dags import api as airflow_api, replay as dagreplay, run as dagrun
from gaiaflow.dags.api import AirflowApi
from gaiaflow.endpoints import PORTS
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import ports, privatefile
from gaiaflow.models import registry as modelregistry
from gaiaflow.models.registry import ModelRegistry, Version
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.composed import containers
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.composed.containers import Container
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import state
from gaiaflow.stack.services.backend import ServiceStatus, StartOptions
from tests.error_case import Case, fail_with, hold, text_of

LAST_LINES = {
    "mlflow": "no space left",
    "databases": 'password authentication failed for "gaiaflow"',
}
PLACE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


def began(project: Project, backend: str) -> Project:
    privatefile.folder(project.home)
    state.write(project, state.Remembered(backend, {name: port.port for name, port in PORTS.items()}))
    return project


def moved() -> StartOptions:
    return StartOptions(["mlflow"], ports={"mlflow": 6})


def instances(*indices: int) -> list[dict[str, Any]]:
    return [{"task_id": "load", "map_index": index} for index in indices]


def answered(status: int, detail: str, sent: bool = True) -> GaiaflowError:
    body = io.BytesIO(f'{{"detail": "{detail}"}}'.encode())
    return airflow_api._explained(HTTPError(PLACE, status, "no", None, body), sent)  # type: ignore[arg-type]


CASES = [
    Case(
        lambda p: Embedded(began(p, "embedded"))._ports(moved(), {"mlflow"}, ports.Claims()),
        2,
        "`mlflow` runs already, on port 5000",
        "inv dev.stop --service mlflow",
    ),
    Case(
        lambda p: Compose(began(p, "docker"))._settle(moved(), ports.Claims()),
        2,
        "`mlflow` runs already, on port 5000",
        "inv dev.stop --service mlflow",
    ),
    Case(
        lambda p: backends.choose(began(p, "embedded"), "docker"),
        2,
        "the stack runs on the backend `embedded`",
        "inv dev.stop",
    ),
    Case(
        lambda p: fail_with(Compose(p)._explained(GaiaflowError("no"), ["mlflow"])),
        1,
        "`mlflow` ended with 3; what this start began is stopped. Its last lines:\nno space left",
        "docker logs demo-mlflow-1",
    ),
    Case(
        lambda p: fail_with(Compose(p)._explained(GaiaflowError("no"), ["databases"])),
        1,
        "the database's volume is of an earlier clone at this place: it has another password; "
        "what this start began is stopped",
        "put that clone's .gaiaflow/keys.json back, or remove its data: inv dev.cleanup",
    ),
    Case(
        lambda _: ports.inner("demo", 3),
        1,
        f"no 3 free ports between {ports.INNER_FIRST} and {ports.INNER_LAST}",
        "end what holds them",
    ),
    Case(
        lambda _: fail_with(ports.lost("mlflow", 9)),
        2,
        "port 9 of `mlflow` was taken at this moment by somebody",
        "inv dev.start --mlflow-port 10, or inv dev.start --auto-ports",
    ),
    Case(
        lambda _: AirflowApi(PLACE, "admin", "no").dag_ids(),
        3,
        f"Airflow does not answer at {PLACE}: <urlopen error [Errno 111] Connection refused>",
        "inv dev.status",
    ),
    Case(lambda _: fail_with(answered(409, "there is one")), 1, "Airflow has it already: there is one", ""),
    Case(
        lambda _: fail_with(answered(422, "no such param")), 2, "Airflow refuses the request: no such param", ""
    ),
    Case(
        lambda _: fail_with(answered(500, "down")),
        1,
        "Airflow answered 500: down",
        "inv dev.logs --service airflow",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(-1), "laod", None),
        2,
        "the run has no task `laod` (did you mean `load`?)",
        "it has load",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(0, 1), "load", None),
        2,
        "task `load` is mapped: there are 2 of it",
        "--map-index 0",
    ),
    Case(
        lambda _: dagreplay.find_instance(instances(0, 1), "load", 2),
        2,
        "task `load` has no map index 2",
        "in this run it has 0 to 1",
    ),
    Case(
        backends.model_registry,
        3,
        "no registry of models: MLflow does not run",
        "inv dev.start --service mlflow",
    ),
    Case(
        lambda _: modelregistry.split("a/b/c"),
        2,
        "`a/b/c` names no model",
        "MODEL, MODEL@ALIAS or MODEL/VERSION, as in inv model.list",
    ),
    Case(
        lambda _: ModelRegistry(PLACE).models(),
        3,
        f"MLflow does not answer at {PLACE}: <urlopen error [Errno 111] Connection refused>",
        "inv dev.status",
    ),
    Case(
        lambda p: ModelRegistry(PLACE).download(Version("m", 1, "", "s3://bucket/m"), p.root),
        1,
        "model `m/1` lies at `s3://bucket/m`, which MLflow does not hand out",
        "log and register it through the stack's MLflow: inv dev.export --format env",
    ),
    Case(
        lambda p: modelregistry._inside(p.root, "../x"),
        1,
        "the model has a file `../x` outside of its own folder",
        "",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    running = [ServiceStatus("mlflow", "running", PLACE)]
    died = [Container(part, f"demo-{part}-1", "exited", "", 3, 0) for part in LAST_LINES]
    monkeypatch.setattr(Embedded, "status", lambda _: running)
    monkeypatch.setattr(Compose, "_running_services", lambda _: {"mlflow"})
    monkeypatch.setattr(Compose, "_containers", lambda _: died)
    monkeypatch.setattr(containers, "tail", lambda _, part, lines: [LAST_LINES[part]])
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    monkeypatch.setattr(ports, "owner", lambda _: "somebody")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_run_that_goes_on(project: Project) -> None:
    class Slow:
        url = PLACE

        def run_state(self, *_: str) -> str:
            return "running"

        def instances(self, *_: str) -> list[dict[str, Any]]:
            return []

    told = Case(
        lambda _: dagrun.follow(Slow(), "flow", "manual__1", -1, lambda *_: None),  # type: ignore[arg-type]
        4,
        "run `manual__1` of `flow` has not ended after -1 s; it goes on",
        "inv dag.watch flow manual__1",
    )
    hold(told, project)
