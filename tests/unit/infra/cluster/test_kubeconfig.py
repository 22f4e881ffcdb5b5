"""Kubeconfigs: which contexts are refused, and what Airflow's own holds."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster import account, kubeconfig
from gaiaflow.infra.cluster.api import Access, Cluster, NotThereError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\n[tool.gaiaflow]\nallowed_contexts = ["my-prod"]\n'
    )
    return Project.find(tmp_path)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig of the user's with a context for each kind of server."""
    servers = {"kind-a": "https://127.0.0.1:1", "my-prod": "https://127.0.0.1:1", "far": "https://8.8.8.8:6443"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "far",
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in servers],
    }
    file = tmp_path / "user-kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    for variable in ("GAIAFLOW_PROFILE", "GAIAFLOW_CONTEXT", "GAIAFLOW_NAMESPACE"):
        monkeypatch.delenv(variable, raising=False)
    return file


@pytest.mark.parametrize(
    ("name", "server", "reason"),
    [
        ("Production-eu", "https://127.0.0.1:1", "its name contains `prod`"),
        ("go-LIVE", "https://127.0.0.1:1", "its name contains `live`"),
        ("dev", "https://8.8.8.8:6443", "its server `8.8.8.8` is no loopback or private address"),
        ("dev", "https://[2001:4860:4860::8888]:6443", "its server `2001:4860:4860::8888` is no loopback"),
        ("dev", "https://no-such-host.invalid:6443", "its server `no-such-host.invalid` is no loopback"),
    ],
)
def test_what_looks_like_production_is_refused(name: str, server: str, reason: str) -> None:
    with pytest.raises(GaiaflowError, match="looks like production") as caught:
        kubeconfig.refuse_production(name, server, [])
    assert reason in caught.value.message
    assert f'allowed_contexts = ["{name}"]' in caught.value.hint
    kubeconfig.refuse_production(name, server, [name])


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:1",
        "https://192.168.49.2:8443",
        "https://10.0.0.1",
        "https://0.0.0.0:6550",
        "https://localhost:1",
    ],
)
def test_what_is_near_is_taken(server: str) -> None:
    kubeconfig.refuse_production("kind-dev", server, [])


def test_a_context_of_the_users_is_looked_up_and_guarded(project: Project, user: Path) -> None:
    before = user.read_bytes()
    assert Target.choose(project, context="kind-a").name == "kind-a"
    assert Target.choose(project, context="my-prod").name == "my-prod"
    with pytest.raises(GaiaflowError, match="`far` looks like production"):
        Target.choose(project, context="far")
    with pytest.raises(MissingError, match=r"no kube context `kind-b` \(did you mean `kind-a`\?\)"):
        Target.choose(project, context="kind-b")
    assert user.read_bytes() == before


def test_no_kubeconfig_at_all(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(MissingError, match="no kubeconfig with contexts"):
        Target.choose(project, context="kind-a")


def test_a_context_is_not_ours_to_stop(project: Project, user: Path) -> None:
    with pytest.raises(GaiaflowError, match="gaiaflow does not start or stop"):
        _ = Target.choose(project, context="kind-a").minikube


def test_the_choice_is_kept_and_flags_and_variables_come_before_it(
    project: Project, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Target.choose(project).profile == f"gaiaflow-{project.id}"
    assert Target.choose(project).namespace == f"gaiaflow-{project.id}"
    Target.choose(project, context="kind-a").keep()
    assert Target.choose(project).context == "kind-a"
    monkeypatch.setenv("GAIAFLOW_PROFILE", "other")
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "elsewhere")
    chosen = Target.choose(project)
    assert (chosen.profile, chosen.context, chosen.namespace) == ("other", "", "elsewhere")
    assert Target.choose(project, profile="flag").profile == "flag"
    chosen.forget()
    monkeypatch.delenv("GAIAFLOW_PROFILE")
    assert Target.choose(project).profile == f"gaiaflow-{project.id}"
    with pytest.raises(GaiaflowError, match="use either --profile or --context"):
        Target.choose(project, "a", "b")


def test_the_config_holds_everything_inline_and_no_other_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "kube" / "config"
    made = kubeconfig.account_config(Access("https://h:1", "PEM"), "ns", "gaiaflow", "secret-token")
    kubeconfig.write(file, made)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(file.parent) == ["config"]  # noqa: PTH208 - the temporary file would be hidden from glob
    read = json.loads(file.read_text())
    assert base64.b64decode(read["clusters"][0]["cluster"]["certificate-authority-data"]) == b"PEM"
    assert read["contexts"][0]["context"] == {"cluster": "gaiaflow", "user": "gaiaflow", "namespace": "ns"}
    assert read["users"][0]["user"] == {"token": "secret-token"}
    connected = Cluster.connect(file, "gaiaflow")
    assert connected.access.server == "https://h:1"
    assert connected.access.authority == "PEM"


def test_a_config_without_certificate_check_stays_so() -> None:
    made = kubeconfig.account_config(Access("https://h:1", None, verify=False), "ns", "a", "t")
    assert made["clusters"][0]["cluster"] == {"server": "https://h:1", "insecure-skip-tls-verify": True}


class Tokens:
    """A cluster with or without the TokenRequest API."""

    name = "local"

    def __init__(self, requests: bool) -> None:
        self.requests = requests
        self.applied: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if not self.requests:
            raise NotThereError("no such thing")
        assert (method, path) == ("POST", "/api/v1/namespaces/ns/serviceaccounts/gaiaflow/token")
        return 201, {"status": {"token": f"for {body['spec']['expirationSeconds']} s"}}

    def apply(self, thing: dict[str, Any]) -> str:
        self.applied.append(thing)
        return "created"

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return {"data": {"token": base64.b64encode(b"of a secret").decode()}}


def test_a_token_is_asked_for_with_a_year_to_live_else_taken_from_a_secret() -> None:
    new, old = Tokens(True), Tokens(False)
    assert kubeconfig.account_token(new, "ns", "gaiaflow") == f"for {365 * 86400} s"  # type: ignore[arg-type]
    assert new.applied == []
    assert kubeconfig.account_token(old, "ns", "gaiaflow") == "of a secret"  # type: ignore[arg-type]
    assert old.applied[0]["type"] == "kubernetes.io/service-account-token"
    assert old.applied[0]["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "gaiaflow"}


def test_containers_never_get_the_hosts_loopback(project: Project, user: Path) -> None:
    near = Target.choose(project, context="kind-a")
    reachable = Access("https://192.168.49.2:8443", "PEM")
    assert account.container_access(near, reachable) == reachable
    for server in ("https://127.0.0.1:32771", "https://localhost:1", "https://0.0.0.0:1"):
        assert account.container_access(near, Access(server, "PEM")) is None
