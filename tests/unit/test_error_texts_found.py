"""The whole texts of errors: what is found on a machine and is not as it should be."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.dags.api import AirflowApi, _UnauthorizedError
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import image as nodeimage, secretstore
from gaiaflow.infra.host import ports, privatefile
from gaiaflow.infra.images import image
from gaiaflow.lifecycle import prod
from gaiaflow.production import manifests as prodmanifests, plan as dagplan
from gaiaflow.project import Project
from gaiaflow.projects import adoption, dagfile, scaffold
from gaiaflow.stack import backends
from gaiaflow.stack.composed import composition
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import state
from gaiaflow.stack.services.backend import ServiceStatus, alone
from tests.error_case import Case, hold, text_of

PORTS: dict[str, int] = {}


def linked(project: Project) -> object:
    project.dags.mkdir()
    (project.dags / "a.py").symlink_to("/etc/passwd")
    return dagfile.dag_files(project)


def latin(project: Project) -> object:
    file = project.root / "values"
    file.write_bytes(b"A=\xff\n")
    return secretstore.read_file(file)


def twice(project: Project) -> None:
    with alone(project):
        Embedded(project).stop(["s3"])


def lost(project: Project) -> object:
    privatefile.write(privatefile.folder(project.home) / "state.json", "{")
    return backends.choose(project, "auto")


def unknown_token(_: Project) -> object:
    api = AirflowApi("http://127.0.0.1:9", "admin", "no")

    def send(_method: str, url: str, _body: Any, _token: str) -> Any:
        if url.endswith("/auth/token"):
            return {"access_token": "stale"}
        raise _UnauthorizedError("stale")

    api._send = send  # type: ignore[method-assign]
    return api.dag_ids()


CASES = [
    Case(linked, 2, "`{root}/dags/a.py` is a link out of the project", "put the file itself there"),
    Case(latin, 2, "`{root}/values` is not UTF-8 text", "KEY='value', one a line"),
    Case(twice, 1, "another `inv dev` works on this stack", "wait until it has ended, then repeat"),
    Case(
        lost,
        1,
        "the stack runs, but `{root}/.gaiaflow/state.json` cannot be read: it is cut or was changed",
        "inv dev.stop, then inv dev.start; no data is lost",
    ),
    Case(
        lambda p: Composition(p, PORTS).endpoints,
        2,
        "`GAIAFLOW_S3_PROVIDER` is `external`, but nothing says where it is",
        "GAIAFLOW_S3_ENDPOINT=https://… in .env",
    ),
    Case(
        lambda _: nodeimage._load_by_tool("other", "demo:1"),
        2,
        "how an image gets into `other` is not known",
        "push it to a registry that the cluster pulls from, and name it: GAIAFLOW_IMAGE=<registry>/<image>",
    ),
    Case(
        lambda p: image.remove_image(p, "demo:2"),
        3,
        "`demo:2` is no image of this project (did you mean `demo:1`?)",
        "inv dev.images",
    ),
    Case(
        lambda p: prodmanifests.manifests(p, account="worker"),
        2,
        "`worker` is no service account: namespace/name",
        "--account airflow/airflow-worker",
    ),
    Case(
        lambda _: prod._version("cncf-kubernetes"),
        2,
        "`--provider` is `cncf-kubernetes`, not NAME=VERSION",
        "--provider cncf-kubernetes=10.12.0",
    ),
    Case(
        lambda _: dagplan.refuse_foreign(
            cast(dagplan.Plan, SimpleNamespace(target="s3://b/dags", foreign=["a.py"])), False
        ),
        1,
        "s3://b/dags has files that this project did not put there: `a.py`",
        "choose another place for --dags, or overwrite them: inv prod.sync --force",
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
        "`my-pkg` is no name for a package: lower case, digits and _",
        "--package my_pkg",
    ),
    Case(
        unknown_token, 1, "Airflow at http://127.0.0.1:9 refuses this user for GET dags", "inv dev.credentials"
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("GAIAFLOW_S3_PROVIDER", "external")
    monkeypatch.setattr(Embedded, "status", lambda _: [ServiceStatus("mlflow", "running", "")])
    monkeypatch.setattr(image, "images", lambda _: [image.Image("demo:1", "demo:content-1", "id", 1)])
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_a_taken_port_names_its_owner_and_both_ways_out(project: Project) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = Case(
            lambda _: ports.settle({"mlflow": port}, auto=False),
            2,
            f"port {port} of `mlflow` is taken by {ports.owner(port)}",
            f"inv dev.start --mlflow-port {port + 1}, or inv dev.start --auto-ports",
        )
        hold(told, project)


def test_a_stack_that_would_leave_its_data(project: Project) -> None:
    (project.home / "data" / "mlflow").mkdir(parents=True)
    state.write(project, state.Remembered("embedded"))
    told = Case(
        lambda p: backends.check_stays(p, backends.BACKENDS["docker"](p)),
        2,
        "the project has its data on the backend `embedded`",
        "inv dev.start --backend docker, which asks first",
    )
    hold(told, project)


def test_a_project_that_containers_cannot_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "owner", lambda: (1000, 1000))
    project.root.chmod(0o700)
    with pytest.raises(GaiaflowError) as caught:
        Composition(project, PORTS)._check_readable()
    folder = str(caught.value.message).split("`")[1]
    assert caught.value.message == f"`{folder}` is closed to others, and the containers do not run as root"
    assert caught.value.hint == f"chmod o+rx {folder}, or start as a user who is not root"
