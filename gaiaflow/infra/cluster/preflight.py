"""Whether this machine can hold the cluster that was asked for: asked before minikube starts anything."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass

from gaiaflow.errors import GaiaflowError, MissingError, UsageError, near_miss

# What minikube itself insists on.
LEAST_CPUS, LEAST_MEMORY = 2, 1800
# The program that each driver needs; none where it is part of the system or asked for by minikube.
DRIVERS: dict[str, str | None] = {
    "docker": "docker",
    "podman": "podman",
    "kvm2": "virsh",
    "qemu": None,
    "virtualbox": "VBoxManage",
    "vfkit": "vfkit",
    "hyperkit": "hyperkit",
    "hyperv": None,
    "parallels": "prlctl",
    "vmware": "vmrun",
    "none": None,
}
_UNITS = {"": 1, "m": 1, "mb": 1, "mi": 1, "mib": 1, "g": 1024, "gb": 1024, "gi": 1024, "gib": 1024}
_VERSION = re.compile(r"stable|latest|v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?")


@dataclass(frozen=True)
class Wanted:
    """The node that was asked for; what is empty is minikube's choice.

    Attributes:
        memory: MiB.
        kubernetes_version: ``v1.33.1``, ``stable`` or ``latest``.
    """

    cpus: int | None = None
    memory: int | None = None
    driver: str = ""
    kubernetes_version: str = ""

    @classmethod
    def parse(cls, cpus: str, memory: str, driver: str, kubernetes_version: str) -> Wanted:
        """The wish as it was typed.

        Raises:
            UsageError: a value that nobody can mean.
        """
        if driver and driver not in DRIVERS:
            raise UsageError(f"unknown driver `{driver}`{near_miss(driver, list(DRIVERS))}", "--driver docker")
        if kubernetes_version and not _VERSION.fullmatch(kubernetes_version):
            raise UsageError(
                f"`{kubernetes_version}` is not a Kubernetes version", "--kubernetes-version v1.33.1, or stable"
            )
        return cls(_cpus(cpus), _mebibytes(memory), driver, kubernetes_version)

    def flags(self) -> list[str]:
        """The arguments of `minikube start`."""
        pairs = {
            "--cpus": self.cpus,
            "--memory": f"{self.memory}mb" if self.memory else None,
            "--driver": self.driver,
            "--kubernetes-version": self.kubernetes_version,
        }
        return [f"{flag}={value}" for flag, value in pairs.items() if value]


def kubernetes_version(flag: str, setting: str) -> str:
    """The version of a new node: the flag's, else the setting's.

    Raises:
        UsageError: the setting is not a version.
    """
    if not flag and setting and not _VERSION.fullmatch(setting):
        raise UsageError(
            f"`{setting}` in [tool.gaiaflow.cluster], or `GAIAFLOW_KUBERNETES`, is not a Kubernetes version",
            'kubernetes = "1.34"',
        )
    return flag or setting


@dataclass(frozen=True)
class Machine:
    """What there is.

    Attributes:
        memory: MiB of all memory, None where the system does not say.
    """

    cpus: int
    memory: int | None

    @classmethod
    def this(cls) -> Machine:
        try:
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        except (ValueError, OSError, AttributeError):
            return cls(os.cpu_count() or 1, None)
        return cls(os.cpu_count() or 1, memory)


def check(wanted: Wanted, machine: Machine) -> None:
    """Refuse what the machine does not have.

    Raises:
        GaiaflowError: too much of something was asked for.
        MissingError: the driver's program is not installed.
    """
    if (wanted.cpus or LEAST_CPUS) > machine.cpus:
        raise GaiaflowError(
            f"{wanted.cpus or LEAST_CPUS} cpus are more than this machine's {machine.cpus}",
            f"--cpus {machine.cpus}" if machine.cpus >= LEAST_CPUS else "a machine with two cpus or more",
        )
    if machine.memory and (wanted.memory or LEAST_MEMORY) > machine.memory:
        raise GaiaflowError(
            f"{wanted.memory or LEAST_MEMORY} MiB are more than this machine's {machine.memory} MiB",
            f"--memory {max(LEAST_MEMORY, machine.memory // 2)}",
        )
    program = DRIVERS.get(wanted.driver)
    if program and not shutil.which(program):
        raise MissingError(
            f"the driver `{wanted.driver}` needs `{program}`: not on PATH",
            "install it, or choose another --driver",
        )


def _cpus(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < LEAST_CPUS:
        raise UsageError(f"--cpus `{text}`: a whole number from {LEAST_CPUS} up", "--cpus 2")
    return int(text)


def _mebibytes(text: str) -> int | None:
    """``4g``, ``4096mb`` or plain MiB."""
    if not text:
        return None
    found = re.fullmatch(r"(\d+)\s*([a-z]*)", text.lower())
    if not found or found.group(2) not in _UNITS:
        raise UsageError(f"--memory `{text}` is not a number followed by g or mb", "--memory 4g")
    amount = int(found.group(1)) * _UNITS[found.group(2)]
    if amount < LEAST_MEMORY:
        raise UsageError(f"--memory `{text}`: minikube needs {LEAST_MEMORY} MiB or more", "--memory 2g")
    return amount
