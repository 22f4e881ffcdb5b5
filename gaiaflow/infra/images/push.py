"""Brings the image that was built of a project into a registry, under the name that means this image only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.images.engine import connect
from gaiaflow.infra.images.image import CONTENT_LABEL, image_name
from gaiaflow.infra.images.registry import Reference
from gaiaflow.project import Project

if TYPE_CHECKING:
    from docker import DockerClient

# An upload of gigabytes over a slow line.
TIMEOUT = 1800
FOLDER, _RECORD = "prod", "pushed.json"
_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")
# Told of each layer: its id and what becomes of it.
Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class Pushed:
    """An image in a registry.

    Attributes:
        image: its name here.
        content: its name there by the tag that stands for what went in.
        pinned: its name there by digest, which is what production should use.
        id: by what the engine that built it knows it.
    """

    image: str
    content: str
    pinned: str
    digest: str
    id: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def registry_of(project: Project, registry: str = "") -> str:
    """Where images go: the option, else the setting.

    Raises:
        UsageError: neither names one, or it is an address with a scheme.
    """
    found = (registry or project.settings.prod.registry or "").rstrip("/")
    if not found:
        raise UsageError("no registry is set", "inv prod.push --registry registry.example.org/team")
    if "://" in found:
        raise UsageError(f"`{found}` is an address, not a registry", found.partition("://")[2])
    return found


def target_name(project: Project, registry: str, image: str = "") -> tuple[str, str]:
    """The image's name here, and its repository in the registry."""
    name = image or image_name(project)
    repository = f"{registry}/{_untagged(name)}"
    if name.startswith(f"{registry}/"):
        repository = _untagged(name)
    Reference.parse(repository)
    return name, repository


def push(project: Project, registry: str, image: str = "", progress: Progress | None = None) -> Pushed:
    """Push an image that is there; nothing is built.

    Args:
        image: its name here; by default the one that `inv dev.dockerize` makes.

    Raises:
        MissingError: there is no such image, or no engine.
        GaiaflowError: it was not built by gaiaflow, or the registry refused it.
    """
    name, repository = target_name(project, registry, image)
    with contextlib.closing(connect(TIMEOUT)) as client:
        found = _local(client, name)
        tag = _content_tag(found, name)
        there = client.images.get(found.id).tags
        found.tag(repository, tag)
        try:
            digest = _upload(client, repository, tag, progress or _quiet)
        finally:
            if f"{repository}:{tag}" not in there:
                client.images.remove(f"{repository}:{tag}", noprune=True)
    pushed = Pushed(name, f"{repository}:{tag}", f"{repository}@{digest}", digest, str(found.id))
    privatefile.folder(project.home)
    privatefile.write_json(privatefile.folder(project.home / FOLDER) / _RECORD, pushed.as_dict())
    return pushed


def last_pushed(project: Project) -> str:
    """The image that was pushed last, by its digest; empty when none was."""
    return str(privatefile.read_json(project.home / FOLDER / _RECORD).get("pinned", ""))


def _local(client: DockerClient, name: str) -> Any:
    from docker.errors import ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        raise MissingError(f"no image `{name}` on this machine", "inv dev.dockerize") from None


def _content_tag(image: Any, name: str) -> str:
    tag = str(image.labels.get(CONTENT_LABEL, "")).rpartition(":")[2]
    if not tag.startswith("content-"):
        raise GaiaflowError(
            f"`{name}` has no record of its contents: gaiaflow did not build it", "inv dev.dockerize"
        )
    return tag


def _upload(client: DockerClient, repository: str, tag: str, progress: Progress) -> str:
    from docker.errors import APIError

    digest = ""
    try:
        for line in client.images.push(repository, tag, stream=True, decode=True):
            digest = _told_digest(line) or digest
            if "error" in line:
                raise _failed(repository, str(line["error"]))
            _tell(line, progress)
    except APIError as error:
        raise _failed(repository, str(error.explanation or error)) from None
    if not digest:
        raise _failed(repository, "the engine told no digest")
    return digest


def _told_digest(line: Mapping[str, Any]) -> str:
    """The digest in a line of the answer: in a field, or in words (the containerd image store)."""
    told = _DIGEST.search(str(line.get("status", "")))
    return str((line.get("aux") or {}).get("Digest") or (told[1] if told else ""))


def _tell(line: Mapping[str, Any], progress: Progress) -> None:
    if line.get("id") and line.get("status") in {"Pushed", "Layer already exists"}:
        progress(str(line["id"]), str(line["status"]).lower())


def _quiet(_layer: str, _state: str) -> None:
    """Progress that nobody reads."""


def _failed(repository: str, why: str) -> GaiaflowError:
    host = Reference.parse(repository).host
    return GaiaflowError(
        f"cannot push `{repository}`: {why}", f"docker login {host}, or ask for permission to push"
    )


def _untagged(name: str) -> str:
    head, slash, last = name.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
