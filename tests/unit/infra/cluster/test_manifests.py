"""The objects of a project's namespace: their order, their marks, their rights."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import manifests
from gaiaflow.infra.cluster.api import PATHS, labels
from gaiaflow.project import Project
from gaiaflow.settings import Settings

KINDS = ["Namespace", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "ResourceQuota"]
LIMITED = [*KINDS, "LimitRange"]

# Its role is there only while Airflow runs on the KubernetesExecutor.
EXECUTOR_GOES = [("delete", "RoleBinding"), ("delete", "Role")]
LIMITS_GO = [("delete", "LimitRange")]

PROJECT = Project(Path("/p"), Path("/p"), "p", Settings(), {})


class Cluster:
    """Remembers what is applied and deleted."""

    name = "local"

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        self.namespace = namespace
        self.done: list[tuple[str, str]] = []

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.namespace

    def apply(self, thing: dict[str, Any]) -> str:
        self.done.append(("apply", thing["kind"]))
        return "created"

    def delete(self, kind: str, namespace: str, name: str) -> bool:
        self.done.append(("delete", kind))
        return kind not in {"ResourceQuota", "LimitRange"}


def of(kind: str) -> dict[str, Any]:
    return next(thing for thing in manifests.manifests(labels(PROJECT), "gaiaflow-p") if thing["kind"] == kind)


def test_no_pod_reaches_a_metadata_service_of_a_cloud() -> None:
    blocks = [ip_network(net) for to in of("NetworkPolicy")["spec"]["egress"] for entry in to.get("to", ())
              for net in entry["ipBlock"]["except"]]  # fmt: skip
    for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fe80::1"):
        assert any(ip_address(address) in block for block in blocks), address


def test_the_namespace_enforces_baseline_and_warns_of_the_rest() -> None:
    marks = of("Namespace")["metadata"]["labels"]
    levels = {
        name.rpartition("/")[2]: level for name, level in marks.items() if name.startswith("pod-security")
    }
    assert levels == {"enforce": "baseline", "warn": "restricted"}


def test_what_is_needed_comes_first() -> None:
    cluster = Cluster()
    became = manifests.apply(cluster, PROJECT, "gaiaflow-p")  # type: ignore[arg-type]
    assert cluster.done == [("apply", kind) for kind in KINDS] + LIMITS_GO + EXECUTOR_GOES
    assert list(became) == ["namespace/gaiaflow-p", *(f"{kind.lower()}/gaiaflow" for kind in KINDS[1:])]
    assert set(KINDS) <= set(PATHS)


def test_removal_goes_from_the_end_and_names_what_was_there() -> None:
    cluster = Cluster()
    removed = list(manifests.delete(cluster, PROJECT, "gaiaflow-p"))  # type: ignore[arg-type]
    assert cluster.done == EXECUTOR_GOES + [("delete", kind) for kind in reversed(LIMITED)]
    assert removed[:3] == [
        "rolebinding/gaiaflow-executor",
        "role/gaiaflow-executor",
        "networkpolicy/gaiaflow",
    ]
    assert removed[-1] == "namespace/gaiaflow-p"


@pytest.mark.parametrize("kind", LIMITED)
def test_everything_carries_the_project_and_its_namespace(kind: str) -> None:
    metadata = of(kind)["metadata"]
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "gaiaflow"
    assert metadata["labels"]["gaiaflow/project"] == "p"
    assert metadata["labels"]["gaiaflow/project-id"] == PROJECT.id
    assert metadata.get("namespace", metadata["name"]) == "gaiaflow-p"


def test_the_role_holds_what_the_operator_calls_and_nothing_more() -> None:
    rights = {rule["resources"][0]: set(rule["verbs"]) for rule in of("Role")["rules"]}
    assert rights == {
        "pods": {"create", "get", "list", "watch", "patch", "delete"},
        "pods/log": {"get"},
        "pods/exec": {"get", "create"},
        "secrets": {"create"},
        "events": {"list"},
        "jobs": {"create", "get", "list", "delete"},
    }
    groups = {rule["resources"][0]: rule["apiGroups"] for rule in of("Role")["rules"]}
    assert groups.pop("jobs") == ["batch"]
    assert set(map(str, groups.values())) == {"['']"}
    assert all(len(rule["resources"]) == 1 for rule in of("Role")["rules"])


def test_the_role_is_bound_to_this_namespaces_account_only() -> None:
    binding = of("RoleBinding")
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "gaiaflow"}
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": manifests.ACCOUNT, "namespace": "gaiaflow-p"}
    ]


def test_nothing_connects_to_pods_and_they_get_no_token() -> None:
    policy = of("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert of("ServiceAccount")["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    "marks",
    [
        None,
        {},
        {"app.kubernetes.io/managed-by": "gaiaflow", "gaiaflow/project": "other"},
        # Another clone of the same name.
        {"app.kubernetes.io/managed-by": "gaiaflow", "gaiaflow/project": "p", "gaiaflow/project-id": "p-1"},
    ],
)
@pytest.mark.parametrize("action", [manifests.apply, lambda *given: list(manifests.delete(*given))])
def test_a_namespace_of_somebody_else_is_left_alone(action: Any, marks: dict[str, str] | None) -> None:
    cluster = Cluster({"metadata": {"name": "n", **({"labels": marks} if marks is not None else {})}})
    with pytest.raises(GaiaflowError, match="the namespace `n` of the cluster `local` is not this project's"):
        action(cluster, PROJECT, "n")
    assert cluster.done == []


def test_the_executor_watches_pods_and_nothing_more() -> None:
    cluster = Cluster()
    became = manifests.apply(cluster, PROJECT, "gaiaflow-p", executor=True)  # type: ignore[arg-type]
    assert list(became)[-2:] == ["role/gaiaflow-executor", "rolebinding/gaiaflow-executor"]
    assert [done for done in cluster.done if done[0] == "delete"] == LIMITS_GO
    role = next(iter(manifests.manifests(labels(PROJECT), "gaiaflow-p", manifests.EXECUTOR)))
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]}]
