"""Kubeconfig files: the user's, which is only read, and Airflow's, which holds a service account."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gaiaflow.errors import GaiaflowError, MissingError, near_miss
from gaiaflow.infra.cluster.api import Access, Cluster, NotThereError, contexts
from gaiaflow.infra.host import privatefile, wait

YEAR = 365 * 24 * 3600
_ACCOUNTS = "/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
_SUSPICIOUS = ("prod", "live")


def user_context(name: str) -> str:
    """The server of one of the user's own contexts.

    Raises:
        MissingError: there is no such context.
    """
    known = contexts()
    if name not in known:
        hint = f"one of {', '.join(known)}" if known else "inv prodlocal.start"
        raise MissingError(f"no kube context `{name}`{near_miss(name, known)}", hint)
    return Cluster.connect(None, name).access.server


def refuse_production(name: str, server: str, allowed: Collection[str]) -> None:
    """Stop when a context may be a production cluster and the project does not say that it is meant.

    Raises:
        GaiaflowError: it looks like production.
    """
    if name in allowed:
        return
    reason = _looks_like_production(name, server)
    if reason:
        raise GaiaflowError(
            f"the kube context `{name}` looks like production: {reason}",
            f'to use it, add to pyproject.toml: [tool.gaiaflow] allowed_contexts = ["{name}"]',
        )


def _looks_like_production(name: str, server: str) -> str:
    for word in _SUSPICIOUS:
        if word in name.lower():
            return f"its name contains `{word}`"
    host = urlsplit(server).hostname or ""
    if not _is_private(host):
        return f"its server `{host}` is no loopback or private address"
    return ""


def _is_private(host: str) -> bool:
    """Whether all addresses of a host are of this machine or of a private network."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition("%")[0]).is_private for address in found)


def account_token(cluster: Cluster, namespace: str, account: str) -> str:
    """A token of a service account: asked for with a year to live, else that of a token secret.

    Raises:
        GaiaflowError: the cluster gives none.
    """
    path = _ACCOUNTS.format(namespace=namespace, account=account)
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": YEAR},
    }
    try:
        return str(cluster.request("POST", path, wanted)[1]["status"]["token"])
    except NotThereError:  # a server without the TokenRequest API
        return secret_token(cluster, namespace, account)


def secret_token(cluster: Cluster, namespace: str, account: str, seconds: float = 10) -> str:
    """The token that the cluster writes into a secret of type service-account-token.

    Args:
        seconds: how long it may take.

    Raises:
        GaiaflowError: the cluster wrote none.
    """
    name = f"{account}-token"
    owner = {"kubernetes.io/service-account.name": account}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {"name": name, "namespace": namespace, "annotations": owner},
        }
    )

    def token() -> str:
        return str((cluster.find("Secret", namespace, name) or {}).get("data", {}).get("token", ""))

    if encoded := wait.until(token, seconds, 0.2):
        return base64.b64decode(encoded).decode()
    raise GaiaflowError(f"the cluster `{cluster.name}` gives no token for `{account}`", "inv prodlocal.restart")


def account_config(access: Access, namespace: str, account: str, token: str) -> dict[str, Any]:
    """A kubeconfig with everything inline."""
    cluster: dict[str, Any] = {"server": access.server}
    if not access.verify:
        cluster["insecure-skip-tls-verify"] = True
    elif access.authority:
        cluster["certificate-authority-data"] = base64.b64encode(access.authority.encode()).decode()
    context = {"cluster": "gaiaflow", "user": account, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "gaiaflow",
        "clusters": [{"name": "gaiaflow", "cluster": cluster}],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "gaiaflow", "context": context}],
    }


def write(file: Path, config: dict[str, Any]) -> None:
    """The kubeconfig as JSON, which is YAML too."""
    privatefile.folder(file.parent)
    privatefile.write_json(file, config)
