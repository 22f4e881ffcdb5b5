"""The whole texts of the errors of registered models, served and deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import ports
from gaiaflow.models import deployment, forward as modelforward, registry as modelregistry, url as modelurl
from gaiaflow.models.deployment import Deployed
from gaiaflow.models.registry import ModelRegistry, Version
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

VERSION = Version("co2", 3, "run", "mlflow-artifacts:/0/models/m-1/artifacts")


class Empty(ModelRegistry):
    """A server that has the model and none of its files."""

    def _get(self, path: str) -> bytes:
        return b"{}"


class Cut(ModelRegistry):
    """A server that names a file and then is gone."""

    def _get(self, path: str) -> bytes:
        return b'{"files": [{"path": "MLmodel", "is_dir": false}]}'


WANTED = Deployed("co2", 3, "run", "p/model-co2:content-1", 1)


class Fake:
    """A cluster with one Deployment that never gets ready, or without anything."""

    name = "local"

    def __init__(self, found: dict[str, Any] | None, statuses: list[dict[str, Any]] | None = None) -> None:
        self.found = found
        containers = [{"image": WANTED.image}]
        self.pods = [{"spec": {"containers": containers}, "status": {"containerStatuses": statuses or []}}]

    def find(self, *_: str) -> dict[str, Any] | None:
        return self.found

    def forward(self, *_: object) -> None: ...

    def find_all(self, kind: str, *_: str) -> list[dict[str, Any]]:
        return self.pods if kind == "Pod" else []


NO_PODS: Any = Fake(None)


def waited(cluster: Any) -> None:
    deployment.wait(cluster, WANTED, "n", 0)


CRASHED = {"state": {"waiting": {"reason": "CrashLoopBackOff"}},
           "lastState": {"terminated": {"message": "ValueError: broken\n"}}}  # fmt: skip

STARTING: dict[str, Any] = {"metadata": {"generation": 1}}

PLACE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


CASES = [
    Case(
        lambda _: modelregistry.split("models:/co2/1"),
        2,
        "`models:/co2/1` is not the name of a model",
        "MODEL, MODEL@ALIAS or MODEL/VERSION, as in inv model.list",
    ),
    Case(
        lambda p: Empty("http://127.0.0.1:9").download(VERSION, p.root),
        1,
        "model `co2/3` has no files at `mlflow-artifacts:/0/models/m-1/artifacts`",
        "inv model.list",
    ),
    Case(
        lambda p: Cut("http://127.0.0.1:9").download(VERSION, p.root),
        1,
        "cannot download `0/models/m-1/artifacts/MLmodel` of the model: "
        "<urlopen error [Errno 111] Connection refused>",
        "inv dev.status",
    ),
    Case(
        lambda p: deployment.require_namespace(NO_PODS, p, "n"),
        3,
        "no namespace `n` in the cluster `local`",
        "inv prodlocal.start",
    ),
    Case(lambda _: deployment.find(NO_PODS, "co2", "n"), 2, "no model `co2` in `n`", "inv model.deploy co2"),
    Case(
        lambda _: waited(Fake(None)),
        1,
        "`deployment/model-co2` was removed while it started",
        "inv model.deploy MODEL",
    ),
    Case(
        lambda _: waited(Fake(STARTING, [CRASHED])),
        1,
        "model `co2` does not start: CrashLoopBackOff\nValueError: broken",
        "inv model.undeploy co2",
    ),
    Case(
        lambda _: waited(Fake(STARTING)),
        4,
        "model `co2` is not ready after 0 s: its server starts",
        "kubectl describe pods -n n -l app.kubernetes.io/name=model,app.kubernetes.io/instance=model-co2",
    ),
    Case(
        lambda _: modelregistry.split("a/b/c"),
        2,
        "`a/b/c` is not the name of a model",
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
        "model `m/1` is stored at `s3://bucket/m`, which MLflow does not serve",
        "log and register it through the stack's MLflow: inv dev.export --format env",
    ),
    Case(
        lambda p: modelregistry._inside(p.root, "../x"),
        1,
        "the model has a file `../x` outside its folder",
        "",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)


def test_without_a_ready_pod_a_connection_says_so_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda *_: Fake(None, []))
    monkeypatch.setattr(Fake, "find_all", lambda *_: [])
    for name, value in (("namespace", "n"), ("selector", "a=b"), ("target", 1), ("access", (None, "c"))):
        monkeypatch.setattr(modelforward.Connection, name, value, raising=False)
    nobody: Any = None
    modelforward.Connection(nobody, nobody, nobody)
    assert capsys.readouterr().out == "no pod of `a=b` is ready\nhint: inv prodlocal.status\n"


def test_a_port_that_goes_between_look_and_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    target = Target(Project.find(tmp_path), "", "nowhere", "n")
    monkeypatch.setattr(ports, "settle", lambda *_, **__: {"model": 1_000_000})
    hold(
        Case(
            lambda _: modelurl.open_port(target, "co2", 0),
            1,
            "cannot listen on 127.0.0.1:1000000: OverflowError: bind(): port must be 0-65535.",
            "inv model.url MODEL --port N",
        ),
        target.project,
    )
