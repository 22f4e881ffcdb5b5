"""What is refused before minikube starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.infra.cluster.preflight import Machine, Wanted, check

ROOMY = Machine(8, 16000)


@pytest.mark.parametrize(
    ("memory", "mebibytes"), [("4g", 4096), ("4096", 4096), ("4096mb", 4096), ("4 GiB", 4096), ("", None)]
)
def test_memory_is_read_as_people_write_it(memory: str, mebibytes: int | None) -> None:
    assert Wanted.parse("", memory, "", "").memory == mebibytes


@pytest.mark.parametrize(
    ("cpus", "memory", "driver", "version", "message"),
    [
        ("1", "", "", "", "--cpus `1`"),
        ("two", "", "", "", "--cpus `two`"),
        ("", "1g", "", "", "minikube needs 1800 MiB"),
        ("", "4 parsecs", "", "", "--memory `4 parsecs`"),
        ("", "", "dokcer", "", r"unknown driver `dokcer` \(did you mean `docker`\?\)"),
        ("", "", "", "newest", "`newest` is not a Kubernetes version"),
    ],
)
def test_a_wish_that_nobody_can_mean(cpus: str, memory: str, driver: str, version: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Wanted.parse(cpus, memory, driver, version)


@pytest.mark.parametrize("version", ["v1.33.1", "1.33", "stable", "latest", "v1.34.0-rc.1"])
def test_versions_of_kubernetes(version: str) -> None:
    assert Wanted.parse("", "", "", version).flags() == [f"--kubernetes-version={version}"]


@pytest.mark.parametrize(
    ("wanted", "machine", "message", "hint"),
    [
        (Wanted(cpus=9), ROOMY, "9 cpus are more than this machine's 8", "--cpus 8"),
        (
            Wanted(),
            Machine(1, 16000),
            "2 cpus are more than this machine's 1",
            "a machine with two cpus or more",
        ),
        (Wanted(memory=20000), ROOMY, "20000 MiB are more than this machine's 16000 MiB", "--memory 8000"),
    ],
)
def test_more_than_the_machine_has(wanted: Wanted, machine: Machine, message: str, hint: str) -> None:
    with pytest.raises(GaiaflowError, match=message) as caught:
        check(wanted, machine)
    assert caught.value.hint == hint


def test_what_fits_passes() -> None:
    check(Wanted(cpus=8, memory=16000), ROOMY)
    check(Wanted(memory=10**9), Machine(2, None))


def test_the_program_of_the_driver_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="the driver `podman` needs `podman`"):
        check(Wanted(driver="podman"), ROOMY)
    check(Wanted(driver="none"), ROOMY)


def test_this_machine_is_measured() -> None:
    here = Machine.this()
    assert here.cpus >= 1
    assert here.memory is None or here.memory > 100
