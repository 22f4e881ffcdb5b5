"""Whether production's service account may do what tasks in pods need: the role is applied by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.manifests import ACCOUNT
from gaiaflow.production.manifests import manifests
from gaiaflow.production.verdict import MISSING, OK, Check, unanswered
from gaiaflow.project import Project

NAME = "rights"
# In the namespace alone: what an admin of it may ask.
_REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/{}/localsubjectaccessreviews"


def check(project: Project, namespace: str, context: str) -> Check:
    """Ask the cluster about each right of the role, where a context names it.

    Args:
        namespace: where the pods run.
        context: production's kube context, or nothing.
    """
    account = project.settings.prod.account or f"{namespace}/{ACCOUNT}"
    if not context:
        return Check(NAME, OK, "not asked: no kube context of production is named")
    user = f"system:serviceaccount:{account.replace('/', ':')}"
    try:
        cluster = Cluster.connect(None, context)
        absent = [
            f"{verb} {resource}"
            for verb, resource in needed(project, namespace)
            if not _may(cluster, namespace, user, verb, resource)
        ]
    except GaiaflowError as error:
        return unanswered(NAME, error, f"kubectl --context {context} auth can-i --list --as {user}")
    if not absent:
        return Check(NAME, OK, f"`{account}` may do what tasks in pods need")
    why = f"`{account}` may not {', '.join(absent)} in `{namespace}`"
    return Check(NAME, MISSING, why, f"inv prod.manifests | kubectl --context {context} apply -f -")


def needed(project: Project, namespace: str) -> Iterator[tuple[str, str]]:
    """What the role allows: an action and a resource each, ``jobs.batch`` where it has a group."""
    role = next(thing for thing in manifests(project, namespace) if thing["kind"] == "Role")
    for rule in role["rules"]:
        groups = [f".{group}" if group else "" for group in rule["apiGroups"]]
        for resource in rule["resources"]:
            for verb, group in itertools.product(rule["verbs"], groups):
                yield verb, f"{resource}{group}"


def _may(cluster: Cluster, namespace: str, user: str, verb: str, resource: str) -> bool:
    resource, _, group = resource.partition(".")
    name, _, sub = resource.partition("/")
    place = {"namespace": namespace, **({"group": group} if group else {})}
    attributes = {"verb": verb, "resource": name, "subresource": sub, **place}
    review: dict[str, Any] = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": namespace},
        "spec": {"user": user, "groups": _groups(user), "resourceAttributes": attributes},
    }
    return bool(cluster.request("POST", _REVIEWS.format(namespace), review)[1]["status"]["allowed"])


def _groups(user: str) -> list[str]:
    """The groups of every service account, to which a role may be bound, too."""
    namespace = user.split(":")[2]
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
