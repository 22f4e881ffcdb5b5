"""The whole texts of the errors of the services and their settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import ports, privatefile
from gaiaflow.models.registry import Version
from gaiaflow.project import Project
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import access, executor, health, keys, mode as stackmode, model, state, store
from gaiaflow.stack.services.backend import Holding, StartOptions, alone
from tests.error_case import Case, fail_with, hold, text_of


def stop_twice(project: Project) -> None:
    with alone(project):
        Embedded(project).stop(["s3"])


def setting(project: Project, line: str) -> Project:
    """The project with one more line in `.env`."""
    (project.root / ".env").write_text(line)
    return project


VERSION = Version("co2", 3, "run", "mlflow-artifacts:/0/models/m-1/artifacts")


def lost_files(project: Project) -> Path:
    """The files of a model that was chosen and then removed by hand."""
    kept = {"name": "co2", "number": 3, "run_id": "run", "place": VERSION.place}
    privatefile.write_json(model.folder(project) / "served.json", kept)
    return model.files(project)


def began(project: Project, backend: str) -> Project:
    privatefile.folder(project.home)
    state.write(project, state.Remembered(backend, {name: port.port for name, port in PORTS.items()}))
    return project


def moved() -> StartOptions:
    return StartOptions(["mlflow"], ports={"mlflow": 6})


def cut_keys(project: Project) -> Project:
    privatefile.write(privatefile.folder(project.home) / "keys.json", "{")
    return project


CASES = [
    Case(
        stop_twice,
        1,
        "another `inv dev` command is changing this stack",
        "wait until it has ended, then repeat",
    ),
    Case(
        lambda p: Composition(setting(p, "GAIAFLOW_S3_PROVIDER=external"), {}).endpoints,
        2,
        "`GAIAFLOW_S3_PROVIDER` is `external`, but `GAIAFLOW_S3_ENDPOINT` is not set",
        "GAIAFLOW_S3_ENDPOINT=https://… in .env",
    ),
    Case(model.files, 3, "no model is served", "inv model.serve MODEL, one of inv model.list"),
    Case(lost_files, 3, "the files of model `co2/3` are gone", "inv model.serve co2/3"),
    Case(
        lambda _: executor.checked("kubernets"),
        2,
        "`kubernets` is not an executor (did you mean `kubernetes`?)",
        "--executor local or kubernetes",
    ),
    Case(
        lambda p: Embedded(began(p, "embedded"))._ports(moved(), {"mlflow"}, ports.Claims()),
        2,
        "`mlflow` is already running, on port 5000",
        "inv dev.stop --service mlflow",
    ),
    Case(
        lambda p: Compose(began(p, "docker"))._settle(moved(), ports.Claims()),
        2,
        "`mlflow` is already running, on port 5000",
        "inv dev.stop --service mlflow",
    ),
    Case(
        lambda p: access.shell_environment(p, None),
        3,
        "the stack of this project was never started",
        "inv dev.start",
    ),
    Case(
        lambda p: stackmode.settle(p, "prod_local", airflow_runs=True),
        2,
        "`airflow` is already running, in mode `dev`",
        "inv dev.restart --service airflow --mode prod_local",
    ),
    Case(
        lambda p: keys.load(cut_keys(p)),
        1,
        "`{root}/.gaiaflow/keys.json` cannot be read: it is truncated or was changed, and only its keys "
        "open the data",
        "restore it from a backup, or delete the data: inv dev.cleanup",
    ),
    Case(
        lambda p: Embedded(p).remove([Holding("folder", "/etc", None)]),
        1,
        "`/etc` is not in `{root}/.gaiaflow`: not removed",
        "",
    ),
    Case(
        lambda p: Compose(p).remove([Holding("folder", "/etc", None)]),
        1,
        "`/etc` is not in `{root}/.gaiaflow`: not removed",
        "",
    ),
    Case(
        lambda p: store.provider(setting(p, "GAIAFLOW_S3_PROVIDER=minoi")),
        2,
        "`GAIAFLOW_S3_PROVIDER` is `minoi` (did you mean `minio`?)",
        "one of seaweedfs, minio, external",
    ),
    Case(
        lambda _: fail_with(
            health.still_starting("airflow", "http://127.0.0.1:8080", ["airflow scheduler", "mlflow"])
        ),
        4,
        "`airflow` does not answer yet at http://127.0.0.1:8080/api/v2/monitor/health; it is still starting, "
        "waiting for airflow scheduler, mlflow",
        "inv dev.status, or inv dev.logs --service airflow",
    ),
    Case(
        lambda p: store.bucket(setting(p, "GAIAFLOW_S3_BUCKET=My_Bucket")),
        2,
        "`GAIAFLOW_S3_BUCKET` is `My_Bucket`: not a valid bucket name",
        "3 to 63 lower-case letters, digits, dots and dashes",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(Compose, "_running_services", lambda _: {"mlflow"})
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
