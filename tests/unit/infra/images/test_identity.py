"""One image in several stores is one image, and another image is another; the stores are fakes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gaiaflow.infra.cluster import image as nodeimage
from gaiaflow.infra.cluster.image import NodeImage
from gaiaflow.infra.images import identity
from gaiaflow.testing import passed

LAYERS = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
LABELS = {"gaiaflow.kind": "project", "gaiaflow.content": "p/p:content-0123456789ab"}
# `docker inspect` of an engine with overlay2: 20.10 fills in all that a container has.
OLD_ENGINE: dict[str, Any] = {
    "Id": "sha256:" + "a" * 64,
    "RepoTags": ["p/p:1"],
    "Created": "2026-11-24T18:31:02Z",
    "Architecture": "amd64",
    "Os": "linux",
    "Config": {
        "Hostname": "",
        "Domainname": "",
        "User": "10001:0",
        "AttachStdin": False,
        "Env": ["HOME=/tmp"],
        "Cmd": ["python"],
        "Image": "",
        "Volumes": None,
        "WorkingDir": "/opt/project",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": LABELS,
    },
    "RootFS": {"Type": "layers", "Layers": LAYERS},
}
# The same of an engine with the containerd image store: the manifest's id, and no empty settings.
NEW_ENGINE: dict[str, Any] = {
    "Id": "sha256:" + "b" * 64,
    "RepoTags": ["p/p:1"],
    "Created": "2026-11-24T18:45:00Z",
    "Architecture": "amd64",
    "Os": "linux",
    "Config": {
        "ArgsEscaped": True,
        "User": "10001:0",
        "Env": ["HOME=/tmp"],
        "Cmd": ["python"],
        "WorkingDir": "/opt/project",
        "Labels": dict(reversed(LABELS.items())),
    },
    "RootFS": {"Type": "layers", "Layers": LAYERS},
}
# As a registry holds it, and containerd shows it.
CONFIGURATION: dict[str, Any] = {
    "created": "2026-11-24T18:31:02Z",
    "architecture": "amd64",
    "os": "linux",
    "config": {**NEW_ENGINE["Config"], "Entrypoint": []},
    "rootfs": {"type": "layers", "diff_ids": LAYERS},
    "history": [{"created": "2026-11-24T18:31:02Z"}],
}


def changed(**settings: Any) -> dict[str, Any]:
    return {**NEW_ENGINE, "Config": {**NEW_ENGINE["Config"], **settings}}


def test_times_and_stores_do_not_matter() -> None:
    assert identity.of_engine(OLD_ENGINE) == identity.of_engine(NEW_ENGINE)
    assert identity.of_engine(OLD_ENGINE) == identity.of_configuration(CONFIGURATION)


@pytest.mark.parametrize(
    "other",
    [
        changed(User="0"),
        changed(Entrypoint=["/bin/sh"]),
        changed(Env=["HOME=/root"]),
        changed(Labels={}),
        {**NEW_ENGINE, "Architecture": "arm64"},
        {**NEW_ENGINE, "RootFS": {"Layers": LAYERS[:1]}},
        {**NEW_ENGINE, "RootFS": {"Layers": LAYERS[::-1]}},
    ],
)
def test_another_image_is_another(other: dict[str, Any]) -> None:
    assert identity.of_engine(other) != identity.of_engine(NEW_ENGINE)


def test_an_image_of_nothing_has_an_identity_too() -> None:
    assert identity.of_engine({}) == identity.of_configuration({"config": None, "rootfs": None})


class Node:
    """A minikube whose node has one image, and describes it by its engine, by its runtime, or not at all."""

    def __init__(self, engine: bool = False, configuration: dict[str, Any] | None = None) -> None:
        self.engine, self.configuration = engine, configuration or {}
        self.loaded: list[str] = []

    def images(self) -> list[dict[str, Any]]:
        return [{"id": "c" * 64, "repoTags": ["docker.io/p/p:1"], "size": "1"}]

    def docker_env(self) -> dict[str, str] | None:
        return {"DOCKER_HOST": "tcp://node"} if self.engine else None

    def image_configuration(self, _image: str) -> dict[str, Any]:
        return self.configuration

    def load_image(self, image: str) -> None:
        self.loaded.append(image)


def engine_with(described: dict[str, Any]) -> Any:
    image = SimpleNamespace(id=described["Id"], attrs=described, save=lambda named: b"")
    images = SimpleNamespace(get=lambda _: image, load=lambda _: None)
    return SimpleNamespace(images=images, close=lambda: None)


@pytest.mark.parametrize(
    ("node", "in_node", "way"),
    [
        # Both have an engine, with stores of different kinds.
        (Node(engine=True), OLD_ENGINE, "there already"),
        (Node(engine=True), {**OLD_ENGINE, "RootFS": {"Layers": LAYERS[:1]}}, "docker-env"),
        # The node has only a container runtime, which knows images by their configurations' digests.
        (Node(configuration=CONFIGURATION), None, "there already"),
        (Node(configuration={**CONFIGURATION, "config": {}}), None, "minikube image load"),
        (Node(), None, "minikube image load"),
    ],
)
def test_an_image_is_loaded_only_when_the_node_has_another(
    monkeypatch: pytest.MonkeyPatch, node: Node, in_node: dict[str, Any] | None, way: str
) -> None:
    monkeypatch.setattr(nodeimage, "connect", lambda timeout: engine_with(NEW_ENGINE))
    monkeypatch.setattr(nodeimage, "_node_client", lambda _: engine_with(in_node or {}))
    target: Any = SimpleNamespace(profile="p", minikube=node, name="p")
    there, went = nodeimage.load(target, "p/p:1")
    assert went == way
    assert there.name == "docker.io/p/p:1"
    assert bool(node.loaded) is (way == "minikube image load")


def test_a_node_that_tells_nothing_knows_its_own_digest_or_none() -> None:
    target: Any = SimpleNamespace(profile="p", minikube=Node())
    assert nodeimage.identity_of(target, NodeImage("p/p:1", "c" * 64, 1)) == "sha256:" + "c" * 64
    named: Any = SimpleNamespace(profile="")
    assert nodeimage.identity_of(named, NodeImage("p/p:1", "", 1)) == ""


def test_a_receipt_of_a_node_names_the_image_as_the_registry_does(monkeypatch: pytest.MonkeyPatch) -> None:
    target: Any = SimpleNamespace(profile="p", minikube=Node(engine=True))
    monkeypatch.setattr(passed.Target, "choose", lambda _: target)
    monkeypatch.setattr(nodeimage, "_node_client", lambda _: engine_with(OLD_ENGINE))
    noted = passed._digest(SimpleNamespace(), "p/p:1")  # type: ignore[arg-type]
    assert noted == identity.of_configuration(CONFIGURATION)


def test_a_receipt_of_another_cluster_names_the_image_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed.Target, "choose", lambda _: SimpleNamespace(profile=""))
    monkeypatch.setattr(passed, "connect", lambda: engine_with(NEW_ENGINE))
    noted = passed._digest(SimpleNamespace(), "p/p:1")  # type: ignore[arg-type]
    assert noted == identity.of_engine(OLD_ENGINE)
