"""The one table of the doctor: what is looked at, by which reader, and which modes need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gaiaflow.doctor import (
    address,
    cluster,
    container,
    context,
    docker,
    dotenv,
    host,
    image,
    key,
    leftover,
    machine,
    pod,
    port,
    proxy,
    python,
)
from gaiaflow.doctor.check import Check
from gaiaflow.doctor.place import Place
from gaiaflow.modes import Mode

ALL = tuple(Mode)
LOCAL = (Mode.DEV, Mode.DEV_DOCKER, Mode.PROD_LOCAL)
PODS = (Mode.PROD_LOCAL,)
CONTAINERS = (Mode.DEV_DOCKER,)
# Where an image is built or run.
IMAGES = (Mode.DEV_DOCKER, Mode.PROD_LOCAL, Mode.PROD)


_ENGINE = (
    "docker",
    "docker.context",
    "dotenv.parser",
    "yaml",
)
_CLUSTER = (*_ENGINE, "kubernetes.config", "kubernetes.client")


@dataclass(frozen=True)
class Topic:
    """What is read in one go.

    Attributes:
        seconds: how long that may take.
        imports: what the readers import late; two threads in one circle of imports lock each other out.
    """

    name: str
    read: Callable[[Place], Any]
    seconds: float = 20
    imports: tuple[str, ...] = _ENGINE


@dataclass(frozen=True)
class Row:
    """One check.

    Attributes:
        judge: makes the check of the topic's facts.
        modes: who needs it.
        on_docker: everybody needs it where the stack runs on Docker.
    """

    name: str
    topic: Topic
    judge: Callable[[Any], Check]
    modes: tuple[Mode, ...] = ALL
    on_docker: bool = False


MACHINE = Topic("machine", machine.read)
DOCKER = Topic("docker", docker.read, 40)
PYTHON = Topic("python", python.read)
DOTENV = Topic("dotenv", dotenv.read)
PROXIES = Topic("proxies", proxy.read)
IMAGE = Topic("images", image.read, 40)
PORTS = Topic("ports", port.read, 30)
LEFT = Topic("leftovers", leftover.read)
KEYS = Topic("keys", key.read)
CONTEXT = Topic("kube context", context.read, imports=_CLUSTER)
CLUSTER = Topic("cluster", cluster.read, 60, _CLUSTER)
HOST = Topic("this machine", host.read, 60)
CONTAINER = Topic("a container", container.read, 60)
POD = Topic("a pod", pod.read, 120, _CLUSTER)

ROWS = (
    Row("python", PYTHON, python.interpreter),
    Row("tools", PYTHON, python.tools),
    Row("environments", PYTHON, python.environments),
    Row("environment in Compose", PYTHON, python.compose_environment, LOCAL),
    Row("system", MACHINE, machine.system),
    Row("architecture", MACHINE, machine.processor),
    Row("cpus", MACHINE, machine.cpus, LOCAL),
    Row("cpus for a cluster", MACHINE, machine.cluster_cpus, PODS),
    Row("memory", MACHINE, machine.memory, LOCAL),
    Row("memory for a cluster", MACHINE, machine.cluster_memory, PODS),
    Row("disk", MACHINE, machine.disk),
    Row("ports", PORTS, port.free, LOCAL),
    Row("proxies", PROXIES, proxy.host),
    Row("proxies of containers", PROXIES, proxy.containers, IMAGES),
    Row("lines of .env", DOTENV, dotenv.lines),
    Row("keys of .env", DOTENV, dotenv.keys),
    Row("leftovers", LEFT, leftover.stale, LOCAL),
    Row("private files", LEFT, leftover.private, LOCAL),
    Row("docker client", DOCKER, docker.client, IMAGES, on_docker=True),
    Row("docker engine", DOCKER, docker.engine, IMAGES, on_docker=True),
    Row("docker context", DOCKER, docker.context, IMAGES, on_docker=True),
    Row("compose", DOCKER, docker.compose, CONTAINERS, on_docker=True),
    Row("buildx", DOCKER, docker.buildx, IMAGES, on_docker=True),
    Row("images' architecture", DOCKER, docker.platform, IMAGES, on_docker=True),
    Row("docker clock", DOCKER, docker.engine_clock, CONTAINERS, on_docker=True),
    Row("stack's images", IMAGE, image.stack, CONTAINERS, on_docker=True),
    Row("project's image", IMAGE, image.project, (Mode.DEV_DOCKER, Mode.PROD)),
    Row("minikube", CLUSTER, cluster.minikube, PODS),
    Row("kube context", CONTEXT, context.chosen, PODS),
    Row("cluster", CLUSTER, cluster.cluster, PODS),
    Row("access to the cluster", CLUSTER, cluster.access, PODS),
    Row("cluster's image", CLUSTER, cluster.image, PODS),
    Row("cluster's gateway", CLUSTER, cluster.way_out, PODS),
    Row("cluster's network", CLUSTER, cluster.network, PODS),
    Row("keys of airflow", KEYS, key.same, LOCAL),
    Row("addresses from the host", HOST, address.judge, LOCAL),
    Row("addresses from a container", CONTAINER, address.judge, CONTAINERS),
    Row("addresses from a pod", POD, address.judge, PODS),
    Row("cluster clock", POD, address.pod_clock, PODS),
)
