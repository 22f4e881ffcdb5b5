"""Which kind of engine answers, by what `docker info` says, cut to what tells one from another."""

from __future__ import annotations

from typing import Any

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.images import engine, image, kind
from gaiaflow.infra.images.kind import Machine

USUAL = "unix:///var/run/docker.sock"
LINUX = Machine("Linux", "6.1.0-32-amd64")
WSL = Machine("Linux", "5.15.167.4-microsoft-standard-WSL2")
MAC = Machine("Darwin", "24.1.0")


def said(system: str, kernel: str, *options: str, **more: Any) -> dict[str, Any]:
    return {"OperatingSystem": system, "KernelVersion": kernel, "SecurityOptions": list(options), **more}


SECCOMP = "name=seccomp,profile=builtin"
DEBIAN = said("Debian GNU/Linux 12 (bookworm)", LINUX.kernel, "name=apparmor", SECCOMP, "name=cgroupns")
ROOTLESS = said("Debian GNU/Linux 12 (bookworm)", LINUX.kernel, SECCOMP, "name=rootless", "name=cgroupns")
REMAPPED = said("Ubuntu 24.04.1 LTS", LINUX.kernel, "name=apparmor", SECCOMP, "name=userns")
FEDORA = said("Fedora Linux 41 (Workstation Edition)", LINUX.kernel, SECCOMP, "name=selinux", "name=cgroupns")
DESKTOP = said("Docker Desktop", "6.10.14-linuxkit", "name=seccomp,profile=unconfined", Name="docker-desktop")
DESKTOP_WSL = said("Docker Desktop", WSL.kernel, "name=seccomp,profile=unconfined", Name="docker-desktop")
UBUNTU_WSL = said("Ubuntu 24.04.1 LTS", WSL.kernel, SECCOMP, "name=cgroupns")
COLIMA = said("Ubuntu 24.04.1 LTS", "6.8.0-50-generic", "name=apparmor", SECCOMP, Name="colima")
RANCHER = said("Alpine Linux v3.20", "6.6.56-0-virt", SECCOMP, Name="lima-rancher-desktop")
ORBSTACK = said("OrbStack", "6.12.9-orbstack", SECCOMP, Name="orbstack")
PODMAN = said("fedora", LINUX.kernel, "name=seccomp,profile=default", "name=rootless", BuildahVersion="1.38.0")

PODMAN_OF_ROOT = said("debian", LINUX.kernel, "name=seccomp,profile=default", BuildahVersion="1.28.2")


@pytest.mark.parametrize(
    ("info", "address", "machine", "expected"),
    [
        (DEBIAN, USUAL, LINUX, kind.DOCKER),
        (DEBIAN, "", LINUX, kind.DOCKER),
        (UBUNTU_WSL, USUAL, WSL, kind.DOCKER),
        (ROOTLESS, "unix:///run/user/1000/docker.sock", LINUX, kind.ROOTLESS),
        (ROOTLESS, USUAL, LINUX, kind.ROOTLESS),
        (ROOTLESS, USUAL, Machine(LINUX.system, LINUX.kernel, is_owner=False), kind.OTHERS_ROOTLESS),
        (REMAPPED, USUAL, LINUX, kind.REMAPPED),
        (FEDORA, USUAL, LINUX, kind.CONFINED),
        (DESKTOP, "unix:///home/ann/.docker/desktop/docker.sock", LINUX, kind.DESKTOP_ON_LINUX),
        (DESKTOP, "unix:///Users/ann/.docker/run/docker.sock", MAC, kind.DESKTOP),
        (DESKTOP_WSL, USUAL, WSL, kind.DESKTOP),
        (COLIMA, "unix:///Users/ann/.colima/default/docker.sock", MAC, kind.VIRTUAL),
        (COLIMA, USUAL, LINUX, kind.VIRTUAL),
        (RANCHER, "unix:///home/ann/.rd/docker.sock", LINUX, kind.VIRTUAL),
        (ORBSTACK, USUAL, MAC, kind.VIRTUAL),
        (PODMAN, "unix:///run/user/1000/podman/podman.sock", LINUX, kind.PODMAN),
        (PODMAN, USUAL, LINUX, kind.PODMAN),
        (PODMAN_OF_ROOT, USUAL, LINUX, kind.PODMAN),
        (DEBIAN, "tcp://build.example:2376", LINUX, kind.REMOTE),
        (DEBIAN, "ssh://ann@build.example", LINUX, kind.REMOTE),
    ],
)
def test_the_kind_by_what_the_engine_says(
    info: dict[str, Any], address: str, machine: Machine, expected: kind.Kind
) -> None:
    assert kind.judge(info, address, machine) == expected


@pytest.mark.parametrize(
    ("address", "machine", "expected"),
    [
        (USUAL, LINUX, kind.DOCKER),
        (USUAL, MAC, kind.VIRTUAL),
        ("unix:///run/user/1000/docker.sock", LINUX, kind.ROOTLESS),
        ("unix:///run/user/1000/podman/podman.sock", LINUX, kind.PODMAN),
        ("unix:///home/ann/.docker/desktop/docker.sock", LINUX, kind.DESKTOP),
        ("unix:///home/ann/.rd/docker.sock", LINUX, kind.VIRTUAL),
        ("unix:///home/ann/.colima/default/docker.sock", LINUX, kind.VIRTUAL),
        ("ssh://ann@build.example", LINUX, kind.REMOTE),
    ],
)
def test_an_engine_that_does_not_answer_is_guessed_by_its_address(
    address: str, machine: Machine, expected: kind.Kind
) -> None:
    assert kind.judge({}, address, machine) == expected


def test_selinux_leaves_the_network_as_it_is_without() -> None:
    both = {**ROOTLESS, "SecurityOptions": [*ROOTLESS["SecurityOptions"], "name=selinux"]}
    assert kind.judge(FEDORA, USUAL, LINUX).shares_network
    assert not kind.judge(both, USUAL, LINUX).shares_network


def test_what_is_no_list_of_options_is_none() -> None:
    assert kind.judge({**DEBIAN, "SecurityOptions": None}, USUAL, LINUX) == kind.DOCKER


_NOBODY = "in its containers nobody is the user to whom the project's files belong"
_HERE = "inv dev.start --backend embedded"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (kind.REMAPPED, f"the stack cannot run in containers of Docker with userns-remap: {_NOBODY}"),
        (
            kind.OTHERS_ROOTLESS,
            f"the stack cannot run in containers of the rootless Docker of another user: {_NOBODY}",
        ),
        (
            kind.CONFINED,
            "the stack cannot run in containers of Docker with SELinux: "
            "SELinux keeps its containers from the project's files",
        ),
        (
            kind.REMOTE,
            "the stack cannot run in containers of an engine on another machine: "
            "its containers cannot mount the project's folder of this one",
        ),
        (
            kind.PODMAN,
            "the stack cannot run in containers of Podman: it has no BuildKit, which builds the images",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_cannot_have_the_stack(found: kind.Kind, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "find", lambda: found)
    with pytest.raises(UsageError) as caught:
        kind.refuse_for_stack()
    assert (caught.value.message, caught.value.hint) == (message, _HERE)


@pytest.mark.parametrize(
    "found", [kind.DOCKER, kind.ROOTLESS, kind.DESKTOP, kind.DESKTOP_ON_LINUX, kind.VIRTUAL]
)
def test_what_can_have_it_and_can_build(found: kind.Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "find", lambda: found)
    kind.refuse_for_stack()
    kind.refuse_for_build()


def test_podman_builds_nothing_and_says_so_at_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "find", lambda: kind.PODMAN)
    with pytest.raises(UsageError) as caught:
        image.run_build("image `a`", tmp_path, tmp_path / "Dockerfile", ["a"], {}, {})
    assert caught.value.message == "Podman cannot build the image: it has no BuildKit, which builds the images"
    assert caught.value.hint == (
        "docker context use default, or mode dev, which needs no image: inv dev.start --backend embedded"
    )


def test_an_engine_is_asked_once_and_one_of_another_machine_never(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Client:
        def info(self) -> dict[str, Any]:
            asked.append(1)
            return {**ROOTLESS, "KernelVersion": kind.platform.release()}

        def close(self) -> None:
            asked.append(2)

    monkeypatch.undo()
    monkeypatch.setattr(kind, "connect", lambda _: Client())
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/asked-once.sock")
    assert {kind.find().name, kind.find().name} == {"rootless Docker"}
    assert asked == [1, 2]
    monkeypatch.setenv("DOCKER_HOST", "ssh://ann@asked-never.example")
    assert kind.find() == kind.REMOTE
    assert asked == [1, 2]


def test_one_that_does_not_answer_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1/docker.sock")
    assert engine.engine_address() == "unix:///run/user/1/docker.sock"
    assert kind.find() == kind.ROOTLESS
