"""What kind of engine it is: who the user is in its containers, what they mount, which network they share."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.images.engine import connect, engine_address

# Where an engine has its own socket, for a mount in a machine of its own.
_SOCKET = "/var/run/docker.sock"
_SECONDS = 10


@dataclass(frozen=True)
class Kind:
    """One kind of engine.

    Attributes:
        name: as a person calls it.
        is_root: the user's files belong to root in its containers; else to the user's own number.
        shares_network: its host network is this machine's.
        socket: where containers mount its socket from; empty where it is this machine's file.
        no_stack: why the Compose stack cannot run on it; empty where it can.
        no_build: why it cannot build the project's image; empty where it can.
    """

    name: str
    is_root: bool = False
    shares_network: bool = False
    socket: str = ""
    no_stack: str = ""
    no_build: str = ""


DOCKER = Kind("Docker", shares_network=True)
ROOTLESS = Kind("rootless Docker", is_root=True)
DESKTOP = Kind("Docker Desktop", socket=_SOCKET)
DESKTOP_ON_LINUX = Kind("Docker Desktop", is_root=True, socket=_SOCKET)
VIRTUAL = Kind("an engine in a virtual machine", socket=_SOCKET)
_NO_USER = "in its containers nobody is the user to whom the project's files belong"
REMAPPED = Kind("Docker with userns-remap", no_stack=_NO_USER)
OTHERS_ROOTLESS = Kind("the rootless Docker of another user", no_stack=_NO_USER)
CONFINED = Kind(
    "Docker with SELinux", shares_network=True, no_stack="SELinux keeps its containers from the project's files"
)
REMOTE = Kind(
    "an engine on another machine", no_stack="its containers cannot mount the project's folder of this one"
)
_NO_BUILDKIT = "it has no BuildKit, which builds the images"
PODMAN = Kind("Podman", no_stack=_NO_BUILDKIT, no_build=_NO_BUILDKIT)
# Parts of a socket's path, for an engine that does not answer.
_BY_ADDRESS = {
    "/podman/": PODMAN,
    "/.docker/": DESKTOP,
    **dict.fromkeys(("/.rd/", "/.colima/", "/.lima/", "/.orbstack/"), VIRTUAL),
    "/run/user/": ROOTLESS,
}


@dataclass(frozen=True)
class Machine:
    """This machine, as far as an engine may be told from it.

    Attributes:
        system: `Linux` or `Darwin`.
        kernel: its release.
        is_owner: the engine's socket belongs to the user of this process.
    """

    system: str
    kernel: str
    is_owner: bool = True

    @classmethod
    def this(cls, address: str) -> Machine:
        path = Path(address.removeprefix("unix://"))
        return cls(
            platform.system(), platform.release(), not path.exists() or path.stat().st_uid == os.getuid()
        )


def judge(info: Mapping[str, Any], address: str, machine: Machine) -> Kind:
    """The kind of the engine at an address.

    Args:
        info: what `docker info` says; empty where it does not answer.
        address: the endpoint of the context, or `DOCKER_HOST`; empty for the usual socket.
    """
    options = {str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()}
    is_rootless, is_linux = "name=rootless" in options, machine.system == "Linux"
    is_desktop = info.get("OperatingSystem") == "Docker Desktop"
    rows = (
        (REMOTE, "://" in address and not address.startswith("unix://")),
        (_guessed(address, is_linux), not info),
        (PODMAN, "BuildahVersion" in info),
        (REMAPPED, "name=userns" in options),
        (DESKTOP_ON_LINUX, is_desktop and is_linux and "microsoft" not in machine.kernel.lower()),
        (DESKTOP, is_desktop),
        (VIRTUAL, not is_linux or info.get("KernelVersion") != machine.kernel),
        (replace(CONFINED, shares_network=not is_rootless), "name=selinux" in options),
        (ROOTLESS, is_rootless and machine.is_owner),
        (OTHERS_ROOTLESS, is_rootless),
    )
    return next((kind for kind, holds in rows if holds), DOCKER)


def _guessed(address: str, is_linux: bool) -> Kind:
    """What the address alone tells."""
    by_path = (kind for part, kind in _BY_ADDRESS.items() if part in address)
    return next(by_path, DOCKER if is_linux else VIRTUAL)


def find() -> Kind:
    """The kind of the engine that the docker command talks to."""
    return _find(engine_address() or "")


@cache
def _find(address: str) -> Kind:
    info: dict[str, Any] = {}
    if address.startswith("unix://") or not address:
        with contextlib.suppress(MissingError), contextlib.closing(connect(_SECONDS)) as engine:
            info = dict(engine.info())
    return judge(info, address, Machine.this(address))


def refuse_for_stack() -> None:
    """
    Raises:
        UsageError: the Compose stack cannot run on this engine.
    """
    found = find()
    if found.no_stack:
        raise UsageError(
            f"the stack cannot run in containers of {found.name}: {found.no_stack}",
            "inv dev.start --backend embedded",
        )


def refuse_for_build() -> None:
    """
    Raises:
        UsageError: this engine cannot build images as gaiaflow does.
    """
    found = find()
    if found.no_build:
        raise UsageError(
            f"{found.name} cannot build the image: {found.no_build}",
            "docker context use default, or mode dev, which needs no image: inv dev.start --backend embedded",
        )
