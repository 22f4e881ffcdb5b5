"""The Kubernetes API of one cluster: the only place where a client is made, and what gaiaflow asks of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError, StillStartingError
from gaiaflow.infra.host import wait
from gaiaflow.project import Project

MANAGED_BY = "app.kubernetes.io/managed-by"
PROJECT = "gaiaflow/project"
# Tells two clones of one name apart.
PROJECT_ID = "gaiaflow/project-id"
FIELD_MANAGER = "gaiaflow"
# Seconds to connect, seconds to answer.
TIMEOUT = (5, 30)
APPLY = "application/apply-patch+yaml"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

# Where the objects of a kind lie; nothing but these kinds is ever written.
PATHS: dict[str, str] = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/{namespace}/persistentvolumeclaims",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "LimitRange": "/api/v1/namespaces/{namespace}/limitranges",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
}


def labels(project: Project) -> dict[str, str]:
    """The labels of everything that gaiaflow makes for a project."""
    return {**shared_labels(project), PROJECT_ID: project.id}


def shared_labels(project: Project) -> dict[str, str]:
    """The labels that are the same for every clone: what production's objects carry."""
    return {MANAGED_BY: "gaiaflow", PROJECT: project.name}


@dataclass(frozen=True)
class Access:
    """How the API server is reached: what a kubeconfig says of a cluster.

    Attributes:
        server: ``https://host:port``.
        authority: the certificate authority, PEM; None where the system's is used.
        verify: False where the kubeconfig gave up on certificates.
    """

    server: str
    authority: str | None
    verify: bool = True


class Cluster:
    """A connection to one cluster, with the rights of the kubeconfig's user."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    @classmethod
    def connect(cls, kubeconfig: Path | None, context: str | None) -> Cluster:
        """A client for a context; the file is only read, also where its plugin fetches a new token.

        Args:
            kubeconfig: the file; None for the user's own (KUBECONFIG, else ~/.kube/config).

        Raises:
            MissingError: no such file or context.
        """
        config = _sdk("config")
        # At level debug the client logs whole answers, secrets too.
        logging.getLogger("kubernetes").setLevel(logging.WARNING)
        file = str(kubeconfig or _users_own())
        try:
            client = config.new_client_from_config(file, context, persist_config=False)
        except config.ConfigException as error:
            raise MissingError(f"no kube context `{context}`: {error}", "kubectl config get-contexts") from None
        client.configuration.retries = False
        client.rest_client.pool_manager.connection_pool_kw["retries"] = False
        return cls(client, context or "default")

    @property
    def access(self) -> Access:
        settings = self._client.configuration
        file = settings.ssl_ca_cert
        return Access(settings.host, Path(file).read_text() if file else None, settings.verify_ssl)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, dict[str, Any]]:
        """One request; the status and the object that came back.

        Raises:
            MissingError: nothing answers, or there is no such object (see `find`).
            GaiaflowError: the server refused.
        """
        with _explained(self.name, f"{method} {path}"):
            response = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Accept": accept, "Content-Type": kind},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )
            return response.status, json.loads(response.data)

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        try:
            return self.request("GET", _path(kind, namespace, name))[1]
        except NotThereError:
            return None

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether an object is there; the server sends its metadata only, not a secret's values."""
        try:
            self.request("GET", _path(kind, namespace, name), accept=METADATA)
        except NotThereError:
            return False
        return True

    def find_all(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        query = {"labelSelector": selector} if selector else {}
        return list(self.request("GET", _path(kind, namespace), query=query)[1].get("items", []))

    def apply(self, thing: dict[str, Any]) -> str:
        """Make the object so: ``created``, ``changed`` or ``unchanged`` (server-side apply)."""
        namespace, name = thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
        before = self.find(thing["kind"], namespace, name)
        after = self.request(
            "PATCH",
            _path(thing["kind"], namespace, name),
            thing,
            {"fieldManager": FIELD_MANAGER, "force": "true"},
            APPLY,
        )[1]
        if before is None:
            return "created"
        same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        return "unchanged" if same else "changed"

    def delete(self, kind: str, namespace: str, name: str, grace: int | None = None) -> bool:
        """Remove one object; False when it was not there."""
        query = {} if grace is None else {"gracePeriodSeconds": str(grace)}
        try:
            self.request("DELETE", _path(kind, namespace, name), query=query)
        except NotThereError:
            return False
        return True

    def delete_pods(self, namespace: str, selector: str) -> list[str]:
        """Remove the pods of a label selector; their names."""
        names = [pod["metadata"]["name"] for pod in self.find_all("Pod", namespace, selector)]
        return [name for name in names if self.delete("Pod", namespace, name, grace=1)]

    def forward(self, namespace: str, pod: str, port: int) -> Any:
        """A socket to a port of a pod, through the API server."""
        ask = _sdk("client").CoreV1Api(self._client).connect_get_namespaced_pod_portforward
        with _explained(self.name, f"port-forward {pod}"):
            return _sdk("stream").portforward(ask, pod, namespace, ports=str(port)).socket(port)

    def execute(self, namespace: str, pod: str, command: list[str]) -> Any:
        """A program in a pod, with its stdin, stdout and stderr: the client's WSClient."""
        ask = _sdk("client").CoreV1Api(self._client).connect_get_namespaced_pod_exec
        streams = {"stdin": True, "stdout": True, "stderr": True, "tty": False}
        with _explained(self.name, f"exec {pod}"):
            return _sdk("stream").stream(
                ask, pod, namespace, command=command, _preload_content=False, **streams
            )

    def is_ready(self) -> bool:
        """Whether the API server answers that it is ready, and a node is."""
        try:
            nodes = self.request("GET", "/api/v1/nodes")[1]["items"]
        except (MissingError, StillStartingError):
            return False
        return any(_ready(node) for node in nodes)

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until the cluster takes pods.

        Raises:
            MissingError: it does not in time.
        """
        if not wait.until(self.is_ready, seconds, 1):
            raise MissingError(
                f"the cluster `{self.name}` is not ready after {seconds:.0f} s: no node is Ready",
                "inv prodlocal.status, then inv prodlocal.restart",
            )


class NotThereError(MissingError):
    """The API server knows no such object."""


def contexts() -> list[str]:
    """The names in the user's own kubeconfig, also where its current context is gone.

    Raises:
        MissingError: there is none that can be read.
    """
    listed = [config["contexts"] for config in _users_configs() if isinstance(config.get("contexts"), list)]
    names = [
        str(entry["name"]) for row in listed for entry in row if isinstance(entry, dict) and "name" in entry
    ]
    if not names:
        raise MissingError(f"no kubeconfig with contexts in `{_users_own()}`", "inv prodlocal.start")
    return names


def current_context() -> str:
    """The user's current context by kubectl's rules; empty where there is none, or none can be read."""
    try:
        named = (str(config.get("current-context") or "") for config in _users_configs())
        return next(filter(None, named), "")
    except MissingError:
        return ""


def _users_configs() -> list[dict[str, Any]]:
    """
    Raises:
        MissingError: one of the files cannot be read.
    """
    import yaml

    files = [Path(name) for name in _users_own().split(os.pathsep) if name and Path(name).is_file()]
    try:
        return [dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {}) for file in files]
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise MissingError(
            f"cannot read the kubeconfig: {type(error).__name__}", "kubectl config view"
        ) from None


def _users_own() -> str:
    """The user's kubeconfig as kubectl finds it; the client's own default is that of when it was imported."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _sdk(part: str) -> Any:
    """A part of the client's package, which comes without types and costs most of a second."""
    return import_module(f"kubernetes.{part}")


def _path(kind: str, namespace: str, name: str = "") -> str:
    path = PATHS[kind].format(namespace=namespace)
    return f"{path}/{name}" if name else path


def _ready(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@contextmanager
def _explained(cluster: str, what: str) -> Iterator[None]:
    """Turns what the client raises into one line that says what to do."""
    from urllib3.exceptions import HTTPError

    refused: type[Exception] = _sdk("client").ApiException
    try:
        yield
    except refused as error:
        raise _refusal(cluster, what, error) from None
    except (HTTPError, ValueError) as error:  # also an answer that was cut
        raise MissingError(
            f"the cluster `{cluster}` does not answer: {type(error).__name__}",
            "inv prodlocal.start",
        ) from None


def _refusal(cluster: str, what: str, error: Any) -> GaiaflowError:
    reason = _message(error)
    if error.status == 404:
        return NotThereError(f"the cluster `{cluster}` has no such thing: {reason}", "inv prodlocal.start")
    if error.status in {401, 403}:
        return GaiaflowError(
            f"the cluster `{cluster}` denied `{what}`: {reason}",
            "inv prodlocal.config, or ask for the rights in that namespace",
        )
    if error.status == 429 or error.status >= 500:
        return StillStartingError(
            f"the cluster `{cluster}` cannot answer `{what}` now: {error.status}, {reason}",
            "inv prodlocal.status, and repeat when it is ready",
        )
    return GaiaflowError(f"the cluster `{cluster}` refused `{what}`: {reason}", "inv prodlocal.status")


def _message(error: Any) -> str:
    """The server's own words; never its echo of the object, which may hold values."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
