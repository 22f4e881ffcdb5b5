"""What Airflow gets of the cluster: a kubeconfig of the service account, and the variables of its pods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from gaiaflow.endpoints import Endpoints, Vantage
from gaiaflow.errors import MissingError
from gaiaflow.infra.cluster import kubeconfig
from gaiaflow.infra.cluster.api import Access, Cluster
from gaiaflow.infra.cluster.gateway import SERVICES
from gaiaflow.infra.cluster.manifests import ACCOUNT
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host.envfile import write_variables
from gaiaflow.infra.host.loopback import is_loopback

# Where the API server listens inside a node of minikube.
NODE_PORT = 8443


def write_config(target: Target, cluster: Cluster) -> list[Path]:
    """Write the kubeconfig for processes of this machine, and where it differs the one for containers.

    Raises:
        MissingError: the namespace or its service account is not there.
    """
    if cluster.find("ServiceAccount", target.namespace, ACCOUNT) is None:
        raise MissingError(
            f"the cluster `{cluster.name}` has no service account `{ACCOUNT}` in `{target.namespace}`",
            "inv prodlocal.start",
        )
    token = kubeconfig.account_token(cluster, target.namespace, ACCOUNT)
    files = {target.config: cluster.access, target.container_config: container_access(target, cluster.access)}
    written = []
    for file, access in files.items():
        if access:
            kubeconfig.write(file, kubeconfig.account_config(access, target.namespace, ACCOUNT, token))
            written.append(file)
        else:
            file.unlink(missing_ok=True)
    return written


def container_access(target: Target, access: Access) -> Access | None:
    """The API server as containers of this machine reach it: never by the host's loopback.

    None where the cluster of a context is known by its loopback port only.
    """
    host = urlsplit(access.server).netloc
    if not is_loopback(host) and not host.startswith("0.0.0.0:"):
        return access
    if not target.profile:
        return None
    return replace(access, server=f"https://{target.minikube.node_address()}:{NODE_PORT}")


def write_task_environment(target: Target, endpoints: Endpoints, gateway: str, keys: dict[str, str]) -> Path:
    """The file that `GAIAFLOW_TASK_ENV_PROD_LOCAL` names: addresses as pods see them, and the keys of S3."""
    seen = replace(endpoints, gateway=gateway)
    return write_variables(target.task_environment, {**seen.task_environment(Vantage.POD), **keys})


def forwarded_ports(endpoints: Endpoints, workers: bool = False) -> list[int]:
    """The ports that pods ask the gateway for.

    Args:
        workers: Airflow's own tasks run in pods, which report to its API server.
    """
    names = (*SERVICES, *(("airflow",) if workers else ()))
    return [endpoints.ports[name] for name in names if name != "s3" or not endpoints.store]
