"""The rights of production's service account, asked of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.production import rights
from gaiaflow.production.verdict import FAILED, MISSING, OK
from gaiaflow.project import Project

ACCOUNT = '[tool.gaiaflow.prod]\naccount = "airflow/worker"\n'


class Answering:
    """A cluster that allows all but some rights."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.asked = refused, []  # type: ignore[var-annotated]

    def request(self, method: str, path: str, review: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path, review["spec"]["user"]))
        asked = review["spec"]["resourceAttributes"]
        name = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        return 201, {"status": {"allowed": f"{asked['verb']} {name}" not in self.refused}}


def project(tmp_path: Path, settings: str = "") -> Project:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "p"\n[tool.gaiaflow]\n{settings}')
    return Project.find(tmp_path)


def answer(monkeypatch: pytest.MonkeyPatch, cluster: Any) -> Any:
    monkeypatch.setattr(Cluster, "connect", lambda *_: cluster)
    return cluster


def test_without_a_context_nobody_is_asked(tmp_path: Path) -> None:
    found = rights.check(project(tmp_path), "ns", "")
    assert (found.state, found.why) == (OK, "not asked: no kube context of production is named")


def test_an_account_with_the_role_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = answer(monkeypatch, Answering())
    assert rights.check(project(tmp_path), "ns", "prod").state == OK
    path = "/apis/authorization.k8s.io/v1/namespaces/ns/localsubjectaccessreviews"
    assert set(cluster.asked) == {("POST", path, "system:serviceaccount:ns:gaiaflow")}


def test_the_role_of_an_earlier_gaiaflow_lacks_a_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = answer(monkeypatch, Answering("watch pods", "create secrets"))
    found = rights.check(project(tmp_path, ACCOUNT), "ns", "prod")
    assert (found.state, found.why) == (
        MISSING,
        "`airflow/worker` may not watch pods, create secrets in `ns`",
    )
    assert found.hint == "inv prod.manifests | kubectl --context prod apply -f -"
    assert {user for _, _, user in cluster.asked} == {"system:serviceaccount:airflow:worker"}


def test_a_person_who_may_not_ask_is_told_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def request(self, *_: Any) -> None:
            raise GaiaflowError("the cluster refused", "kubectl auth can-i")

    answer(monkeypatch, Refusing())
    found = rights.check(project(tmp_path), "ns", "prod")
    assert (found.state, found.why) == (FAILED, "the cluster refused")
    assert found.hint == "kubectl --context prod auth can-i --list --as system:serviceaccount:ns:gaiaflow"
