"""Images in the cluster: brought there the fastest way its runtime has, and seen to be there."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host import process
from gaiaflow.infra.images import identity
from gaiaflow.infra.images.engine import connect
from gaiaflow.infra.images.image import tagged

if TYPE_CHECKING:
    from docker import DockerClient

# How an image of this machine's engine gets into clusters that are not minikube's; empty where they share it.
_LOADERS: dict[str, list[str]] = {
    "kind-": ["kind", "load", "docker-image", "{image}", "--name", "{cluster}"],
    "k3d-": ["k3d", "image", "import", "{image}", "--cluster", "{cluster}"],
    "docker-desktop": [],
    "rancher-desktop": [],
}


@dataclass(frozen=True)
class NodeImage:
    """One image of the cluster's node."""

    name: str
    id: str
    size: int


def full_name(image: str) -> str:
    """The name as a node spells it: ``docker.io/library/alpine:latest``."""
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        image = f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return tagged(image)


def images(target: Target) -> list[NodeImage]:
    """The node's images by name."""
    found = target.minikube.images() if target.profile else _reported(target)
    rows = [
        NodeImage(tag, str(entry.get("id", "")), int(entry.get("size") or 0))
        for entry in found
        for tag in entry.get("repoTags") or []
    ]
    return sorted(rows, key=lambda row: row.name)


def find(target: Target, image: str) -> NodeImage | None:
    """The image of that name in the cluster."""
    return next((row for row in images(target) if full_name(row.name) == full_name(image)), None)


def identity_of(target: Target, there: NodeImage) -> str:
    """The identity of an image of the node; its digest, or nothing, where the node does not describe it."""
    variables = node_engine(target)
    if variables:
        known = _of_node_engine(variables, there.name)
    else:
        known = _of_runtime(target, there.name) if target.profile else ""
    digest = there.id.removeprefix("sha256:")
    return known or (f"sha256:{digest}" if digest else "")


def labels_of(target: Target, image: str) -> dict[str, str]:
    """The labels of an image of the node; none where the node does not describe it."""
    variables = node_engine(target)
    if variables:
        found = _described(variables, image).get("Config")
    else:
        found = target.minikube.image_configuration(image).get("config") if target.profile else None
    return dict((found or {}).get("Labels") or {})


def load(target: Target, image: str) -> tuple[NodeImage, str]:
    """Bring an image of this machine's engine into the cluster; what is there now, and which way it went.

    Raises:
        MissingError: this machine has no such image.
        GaiaflowError: it did not arrive.
    """
    wanted, there = _local(image), find(target, image)
    if there and identity_of(target, there) in {identity.of_engine(wanted.attrs), wanted.id}:
        return there, "there already"
    way = _carry(target, image)
    return arrived(target, image), way


def arrived(target: Target, image: str) -> NodeImage:
    """
    Raises:
        GaiaflowError: the image is not in the cluster.
    """
    there = find(target, image)
    if there is None:
        raise GaiaflowError(f"the image `{image}` did not arrive in `{target.name}`", "inv prodlocal.images")
    return there


def node_engine(target: Target) -> dict[str, str] | None:
    """The variables that lead to the node's own engine; None where its runtime is another."""
    return target.minikube.docker_env() if target.profile else None


def remove(target: Target, image: str) -> None:
    """
    Raises:
        MissingError: the cluster has no such image.
    """
    if find(target, image) is None:
        raise MissingError(f"no image `{image}` in `{target.name}`", "inv prodlocal.images")
    target.minikube.remove_image(image)
    if find(target, image):
        raise GaiaflowError(f"`{image}` is still in `{target.name}`: a pod uses it", "inv prodlocal.status")


def _carry(target: Target, image: str) -> str:
    if not target.profile:
        return _load_by_tool(target.context, image)
    variables = node_engine(target)
    if variables is None:
        target.minikube.load_image(image)
        return "minikube image load"
    _stream(image, variables)
    return "docker-env"


def _stream(image: str, variables: dict[str, str]) -> None:
    """From engine to engine without a file between."""
    with contextlib.closing(_node_client(variables)) as node:
        node.images.load(_local(image).save(named=tagged(image)))


def _node_client(variables: dict[str, str]) -> DockerClient:
    return connect(timeout=600, engine=variables)


def _load_by_tool(context: str, image: str) -> str:
    for prefix, command in _LOADERS.items():
        if context.startswith(prefix):
            names = {"image": image, "cluster": context.removeprefix(prefix)}
            argv = [part.format(**names) for part in command]
            if argv:
                process.run(argv, timeout=900, hint=f"install `{argv[0]}`")
            return argv[0] if argv else "the engine is shared"
    raise UsageError(
        f"gaiaflow cannot load an image into `{context}`",
        "push it to a registry that the cluster pulls from, and name it: GAIAFLOW_IMAGE=<registry>/<image>",
    )


def _local(image: str) -> Any:
    from docker.errors import ImageNotFound

    try:
        return connect(timeout=600).images.get(image)
    except ImageNotFound:
        raise MissingError(f"no image `{image}` on this machine", "inv dev.dockerize") from None


def _of_node_engine(variables: dict[str, str], image: str) -> str:
    found = _described(variables, image)
    return identity.of_engine(found) if found else ""


def _described(variables: dict[str, str], image: str) -> dict[str, Any]:
    """What the node's engine says of an image; nothing where it does not have it."""
    from docker.errors import DockerException

    try:
        with contextlib.closing(_node_client(variables)) as node:
            return dict(node.images.get(image).attrs)
    except (DockerException, MissingError):
        return {}


def _of_runtime(target: Target, image: str) -> str:
    configuration = target.minikube.image_configuration(image)
    return identity.of_configuration(configuration) if configuration else ""


def _reported(target: Target) -> list[dict[str, Any]]:
    """What the nodes of a cluster say that they have; a node names fifty at most."""
    nodes = target.connect().request("GET", "/api/v1/nodes")[1]["items"]
    return [
        {"repoTags": [name for name in entry["names"] if "@" not in name], "size": entry.get("sizeBytes", 0)}
        for node in nodes
        for entry in node["status"].get("images", [])
    ]
