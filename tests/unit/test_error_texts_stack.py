"""The whole texts of errors: the stack, its state and its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.images import image
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.composed import handover
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import access, health, keys, mode as stackmode, store
from gaiaflow.stack.services.backend import Holding, StartOptions
from tests.error_case import Case, fail_with, hold, text_of

PORT = {name: entry.port for name, entry in PORTS.items()}


def cut(project: Project) -> Project:
    privatefile.write(privatefile.folder(project.home) / "keys.json", "{")
    return project


CASES = [
    Case(
        lambda p: access.shell_environment(p, None),
        3,
        "the stack of this project was never started",
        "inv dev.start",
    ),
    Case(backends.airflow_access, 3, "Airflow does not run", "inv dev.start"),
    Case(
        lambda p: stackmode.settle(p, "prod_local", airflow_runs=True),
        2,
        "`airflow` runs already, in mode `dev`",
        "inv dev.restart --service airflow --mode prod_local",
    ),
    Case(
        lambda p: keys.load(cut(p)),
        1,
        "`{root}/.gaiaflow/keys.json` cannot be read: it is cut or was changed, and the stack's data is locked "
        "with its keys",
        "put it back from a copy, or give the data up: inv dev.cleanup",
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
        lambda p: Compose(p)._extras(StartOptions([], extras=("dev-docker",)), False),
        2,
        "`--with dev-docker` is not known (did you mean `dev_docker`?)",
        "inv dev.start --with dev_docker",
    ),
    Case(
        lambda p: Composition(p, PORT).provider,
        2,
        "`GAIAFLOW_S3_PROVIDER` is `minoi` (did you mean `minio`?)",
        "one of seaweedfs, minio, external",
    ),
    Case(
        lambda p: Target.choose(p, "a", "b"),
        2,
        "--profile and --context exclude each other",
        "give one of them",
    ),
    Case(
        lambda p: Target(p, "", "mine", "ns").minikube,
        2,
        "the cluster is the kube context `mine`, which is not gaiaflow's to start or stop",
        "use the tool that made it, or give --profile",
    ),
    Case(
        lambda _: fail_with(
            health.still_starting("airflow", "http://127.0.0.1:8080", ["airflow scheduler", "mlflow"])
        ),
        4,
        "`airflow` does not answer yet at http://127.0.0.1:8080/api/v2/monitor/health; it goes on starting, "
        "waiting for airflow scheduler, mlflow",
        "inv dev.status, or inv dev.logs --service airflow",
    ),
    Case(
        lambda p: image._own_dockerfile(p, "Dockerfile.x"),
        3,
        "no Dockerfile `{root}/Dockerfile.x`",
        "inv dev.dockerize  # gaiaflow brings one of its own",
    ),
    Case(
        lambda p: handover.write_env_file(p.root / "x.env", {"A": "it's"}),
        2,
        "a path or a value of the stack has a quote or a line break in it, or ends with a backslash",
        "rename the folder",
    ),
    Case(
        store.bucket,
        2,
        "`GAIAFLOW_S3_BUCKET` is `My_Bucket`: not a valid bucket name",
        "3 to 63 lower-case letters, digits, dots and dashes",
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GAIAFLOW_S3_PROVIDER", "minoi")
    monkeypatch.setenv("GAIAFLOW_S3_BUCKET", "My_Bucket")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
