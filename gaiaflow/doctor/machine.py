"""The machine: processors, memory, disk, architecture, and the Linux that Windows brings."""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from gaiaflow.doctor.check import Check, absent, failed, ok, unknown, warning
from gaiaflow.doctor.place import Place
from gaiaflow.infra.cluster.preflight import LEAST_CPUS, LEAST_MEMORY, Machine

# MiB. Airflow with few workers takes 1.8 GiB, MLflow, the store and JupyterLab about one more.
LEAST_STACK, GOOD_STACK, GOOD_CLUSTER = 2048, 4096, 6144
LEAST_FREE = 512
# MiB of disk: the environments take 3 GiB.
LEAST_DISK, GOOD_DISK = 1024, 5120
_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
_ELSEWHERE = "inv prodlocal.start --context NAME  # a cluster on another machine"
_LESS = "inv dev.start --service mlflow  # less than everything"


@dataclass(frozen=True)
class Facts:
    """What there is.

    Attributes:
        memory: MiB in all; None where the system does not say.
        available: MiB that a new process could have; None where the system does not say.
        disk: MiB that are free where the project lies.
        system: ``Linux``, ``Darwin``, ``Windows``.
        kernel: the kernel's release, which names Windows under WSL.
    """

    cpus: int
    memory: int | None
    available: int | None
    disk: int
    system: str
    kernel: str
    architecture: str
    folder: Path


def read(place: Place) -> Facts:
    machine = Machine.this()
    return Facts(
        machine.cpus,
        machine.memory,
        _available(),
        shutil.disk_usage(place.project.root).free // 2**20,
        platform.system(),
        platform.release(),
        architecture(platform.machine()),
        place.project.root,
    )


def architecture(name: str) -> str:
    """Docker's word for it: ``amd64``, ``arm64``."""
    return _NAMES.get(name.lower(), name.lower())


def _available() -> int | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) // 1024 if found else None


def cpus(facts: Facts) -> Check:
    if facts.cpus < LEAST_CPUS:
        return warning(f"{facts.cpus} cpu: the whole stack starts slowly on it", _LESS)
    return ok(f"{facts.cpus} cpus")


def cluster_cpus(facts: Facts) -> Check:
    if facts.cpus < LEAST_CPUS:
        return failed(f"{facts.cpus} cpu: minikube needs {LEAST_CPUS}", _ELSEWHERE)
    return ok(f"{facts.cpus} cpus, minikube needs {LEAST_CPUS}")


def memory(facts: Facts) -> Check:
    if facts.memory is None:
        return unknown("the system does not say how much memory there is")
    if facts.memory < LEAST_STACK:
        return failed(f"{facts.memory} MiB of memory: the stack needs {LEAST_STACK} MiB", _LESS)
    if facts.memory < GOOD_STACK:
        return warning(f"{facts.memory} MiB of memory: tight for the whole stack", _LESS)
    if facts.available is not None and facts.available < LEAST_FREE:
        return warning(f"{facts.available} of {facts.memory} MiB of memory are free: tasks may be killed",
                       "inv dev.stop --service jupyter, or end other programs")  # fmt: skip
    return ok(f"{facts.memory} MiB of memory")


def cluster_memory(facts: Facts) -> Check:
    if facts.memory is None:
        return unknown("the system does not say how much memory there is")
    if facts.memory < LEAST_MEMORY:
        return failed(f"{facts.memory} MiB of memory: minikube needs {LEAST_MEMORY} MiB", _ELSEWHERE)
    if facts.memory < GOOD_CLUSTER:
        return warning(
            f"{facts.memory} MiB of memory: tight for a cluster beside the stack",
            f"inv prodlocal.start --memory {LEAST_MEMORY + 200}mb",
        )
    return ok(f"{facts.memory} MiB of memory, enough for a cluster beside the stack")


def disk(facts: Facts) -> Check:
    said = f"{facts.disk} MiB are free on the disk of `{facts.folder}`"
    if facts.disk < LEAST_DISK:
        return failed(f"{said}: less than {LEAST_DISK} MiB", "docker system df, then: docker builder prune")
    if facts.disk < GOOD_DISK:
        return warning(f"{said}: environments and images take more", "docker system df, and: uv cache prune")
    return ok(said)


def system(facts: Facts) -> Check:
    """The system, and which Linux it is under Windows."""
    if facts.system == "Windows":
        return absent("this is Windows itself: gaiaflow runs in its Linux", "wsl --install")
    if "microsoft" not in facts.kernel.lower():
        return ok(f"{facts.system} {facts.kernel}")
    if "wsl2" not in facts.kernel.lower():
        return failed(
            "this is WSL 1, which has no Linux kernel of its own", "wsl --set-version <distribution> 2"
        )
    if re.match(r"/mnt/[a-z](/|$)", str(facts.folder)):
        return warning(
            f"`{facts.folder}` is a Windows drive: slow under WSL 2, and private files are open there",
            f'cp -r "{facts.folder}" ~/',
        )
    return ok(f"WSL 2, {facts.kernel}")


def processor(facts: Facts) -> Check:
    """Whether there are wheels and images for it."""
    if facts.architecture not in _NAMES.values():
        return warning(
            f"the architecture is {facts.architecture}: wheels and images are made for amd64 and arm64",
            "inv dev.start --backend embedded",
        )
    return ok(facts.architecture)
