"""Each control of the Pod Security Standards: what it allows, what it refuses, at which level."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest

from gaiaflow import podrule
from gaiaflow.testing.podstandard import BASELINE, CONTROLS, RESTRICTED, violations

NAMES = ("containers", "initContainers", "ephemeralContainers")
GOOD: dict[str, Any] = {
    "metadata": {"name": "p"},
    "spec": {
        "securityContext": podrule.POD,
        **{name: [{"name": name.lower(), "securityContext": podrule.CONTAINER}] for name in NAMES},
    },
}
POD, EACH = ("pod",), NAMES
SYSCTLS = ("kernel.shm_rmid_forced", "net.ipv4.tcp_keepalive_time", "net.ipv4.ip_unprivileged_port_start")
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/base"
NONE = "nothing"


class Field(NamedTuple):
    """A field, the places where it may stand, and values that are allowed and refused there."""

    level: str
    control: str
    places: tuple[str, ...]
    path: str
    allowed: tuple[Any, ...]
    refused: tuple[Any, ...]


def host(probe: str, way: str) -> Field:
    return Field(
        BASELINE, "Host Probes / Lifecycle Hooks", EACH, f"{probe}.{way}.host", (NONE, ""), ("169.254.169.254",)
    )


FIELDS = [
    Field(
        BASELINE,
        "HostProcess",
        (*POD, *EACH),
        "securityContext.windowsOptions.hostProcess",
        (NONE, False),
        (True,),
    ),
    *(
        Field(BASELINE, "Host Namespaces", POD, name, (NONE, False), (True,))
        for name in ("hostNetwork", "hostPID", "hostIPC")
    ),
    Field(BASELINE, "Privileged Containers", EACH, "securityContext.privileged", (NONE, False), (True,)),
    Field(
        BASELINE,
        "HostPath Volumes",
        POD,
        "volumes",
        ([{"name": "a", "emptyDir": {}}], [{"name": "a"}]),
        ([{"name": "a", "hostPath": {"path": "/"}}], [{"name": "a", "emptyDir": {}}, {"hostPath": {}}]),
    ),
    Field(
        BASELINE,
        "Host Ports",
        EACH,
        "ports",
        (NONE, [{"containerPort": 80}], [{"hostPort": 0}]),
        ([{"hostPort": 80}],),
    ),
    *(
        host(probe, way)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for way in ("httpGet",)
    ),
    *(
        host(hook, way)
        for hook in ("lifecycle.postStart", "lifecycle.preStop")
        for way in ("httpGet", "tcpSocket")
    ),
    host("livenessProbe", "tcpSocket"),
    Field(
        BASELINE,
        "AppArmor",
        (*POD, *EACH),
        "securityContext.appArmorProfile.type",
        (NONE, "RuntimeDefault", "Localhost"),
        ("Unconfined",),
    ),
    Field(
        BASELINE,
        "SELinux",
        (*POD, *EACH),
        "securityContext.seLinuxOptions.type",
        (NONE, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"),
        ("spc_t",),
    ),
    *(
        Field(
            BASELINE,
            "SELinux",
            (*POD, *EACH),
            f"securityContext.seLinuxOptions.{name}",
            (NONE, ""),
            ("system",),
        )
        for name in ("user", "role")
    ),
    Field(
        BASELINE,
        "/proc Mount Type",
        EACH,
        "securityContext.procMount",
        (NONE, "Default"),
        ("Unmasked", "Other"),
    ),
    Field(
        BASELINE,
        "Seccomp",
        (*POD, *EACH),
        "securityContext.seccompProfile.type",
        ("RuntimeDefault", "Localhost"),
        ("Unconfined", "Other"),
    ),
    Field(
        BASELINE,
        "Sysctls",
        POD,
        "securityContext.sysctls",
        (NONE, [], *([{"name": name}] for name in SYSCTLS)),
        ([{"name": "kernel.msgmax"}], [{"name": SYSCTLS[0]}, {"name": "net.core.somaxconn"}]),
    ),
    Field(
        BASELINE,
        "Capabilities",
        EACH,
        "securityContext.capabilities.add",
        (NONE, [], ["NET_BIND_SERVICE"]),
        (["SYS_ADMIN"], ["NET_BIND_SERVICE", "NET_RAW"], ["ALL"]),
    ),
    Field(
        RESTRICTED,
        "Capabilities",
        EACH,
        "securityContext.capabilities.add",
        (["NET_BIND_SERVICE"],),
        (["CHOWN"], ["KILL", "NET_BIND_SERVICE"]),
    ),
    Field(
        RESTRICTED,
        "Capabilities",
        EACH,
        "securityContext.capabilities.drop",
        (["ALL"], ["NET_RAW", "ALL"]),
        (NONE, [], ["NET_RAW"], ["all"]),
    ),
    Field(
        RESTRICTED,
        "Volume Types",
        POD,
        "volumes",
        tuple(
            [{"name": "a", kind: {}}]
            for kind in (
                "configMap",
                "csi",
                "downwardAPI",
                "emptyDir",
                "ephemeral",
                "persistentVolumeClaim",
                "projected",
                "secret",
            )
        ),
        ([{"name": "a", "nfs": {"server": "s", "path": "/"}}], [{"name": "a", "iscsi": {}}]),
    ),
    Field(
        RESTRICTED,
        "Privilege Escalation",
        EACH,
        "securityContext.allowPrivilegeEscalation",
        (False,),
        (NONE, True),
    ),
    Field(RESTRICTED, "Running as Non-root", EACH, "securityContext.runAsNonRoot", (NONE, True), (False,)),
    Field(RESTRICTED, "Running as Non-root", POD, "securityContext.runAsNonRoot", (True,), (NONE, False)),
    Field(
        RESTRICTED,
        "Running as Non-root user",
        (*POD, *EACH),
        "securityContext.runAsUser",
        (NONE, 1, 10001),
        (0,),
    ),
    Field(RESTRICTED, "Seccomp", EACH, "securityContext.seccompProfile", (NONE,), ()),
    Field(RESTRICTED, "Seccomp", POD, "securityContext.seccompProfile", (), (NONE, {})),
]
CASES = [
    pytest.param(field, place, id=f"{field.level}-{field.path}-{place}")
    for field in FIELDS
    for place in field.places
]


def pod_with(place: str, path: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(GOOD)
    part = made["spec"] if place == "pod" else made["spec"][place][0]
    *steps, last = path.split(".")
    for step in steps:
        part = part.setdefault(step, {})
    if value == NONE:
        part.pop(last, None)
    else:
        part[last] = value
    return made


@pytest.mark.parametrize(("field", "place"), CASES)
def test_a_control_allows_and_refuses_what_the_standard_says(field: Field, place: str) -> None:
    for value in field.allowed:
        assert violations(pod_with(place, field.path, value), field.level) == []
    for value in field.refused:
        pod = pod_with(place, field.path, value)
        said = violations(pod, field.level)
        assert said, (place, value)
        assert all(f"({field.control}): " in line for line in said), said
        # `restricted` has all that `baseline` has, and not the other way round.
        assert bool(violations(pod, BASELINE)) is (field.level == BASELINE)
        assert violations(pod, RESTRICTED)


def test_every_control_has_its_cases() -> None:
    assert {(field.level, field.control) for field in FIELDS} >= {(c.level, c.name) for c in CONTROLS}


def test_app_armor_is_read_in_annotations_too() -> None:
    for value, refused in {"runtime/default": 0, "localhost/own": 0, "unconfined": 1}.items():
        pod = {**GOOD, "metadata": {"annotations": {APP_ARMOR: value, "other": "unconfined"}}}
        assert len(violations(pod, BASELINE)) == refused


def test_a_container_may_say_for_itself_what_the_pod_does_not() -> None:
    own = {**podrule.CONTAINER, **podrule.POD}
    pod = {"metadata": {}, "spec": {"containers": [{"name": "a", "securityContext": own}]}}
    assert violations(pod) == []
    bare = {"metadata": {}, "spec": {"containers": [{"name": "a", "securityContext": podrule.CONTAINER}]}}
    assert violations(bare) == [
        "container `a` is not restricted (Running as Non-root): securityContext.runAsNonRoot is not set",
        "container `a` is not restricted (Seccomp): securityContext.seccompProfile.type is not set",
    ]


def test_a_pod_that_says_nothing_is_baseline() -> None:
    assert violations({"spec": {"containers": [{"name": "a", "image": "i"}]}}, BASELINE) == []
