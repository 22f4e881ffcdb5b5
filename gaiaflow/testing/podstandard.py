"""The Pod Security Standards as a table: what a namespace of level `baseline` or `restricted` admits of a pod.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ as of Kubernetes 1.34. The
exceptions for pods with a user namespace of their own are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

BASELINE, RESTRICTED = "baseline", "restricted"


class Control(NamedTuple):
    """One field and what it may hold.

    Attributes:
        level: the first level that has the control.
        paths: of the fields, below the pod or each of its containers; ``[]`` stands for each item of a list.
        allows: whether a value is allowed; a field that is not there has None.
        of_pod: whether the paths begin at the pod.
        of_containers: whether they begin at each container.
    """

    level: str
    name: str
    paths: tuple[str, ...]
    allows: Callable[[Any], bool]
    of_pod: bool = False
    of_containers: bool = False


def _one_of(*values: Any) -> Callable[[Any], bool]:
    known = [(type(value), value) for value in values]  # 0 is not False
    return lambda value: (type(value), value) in known


_OFF = _one_of(None, False)
_EMPTY = _one_of(None, "")
_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
_SYSCTLS = (
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    "net.ipv4.tcp_keepalive_probes",
)
_SELINUX = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_VOLUMES = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
_HOSTS = tuple(f"{probe}.{way}.host" for probe in _PROBES for way in ("httpGet", "tcpSocket"))
_PROFILE = ("RuntimeDefault", "Localhost")
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"


def _app_armor(annotations: Any) -> bool:
    named = [value for key, value in (annotations or {}).items() if key.startswith(_APP_ARMOR)]
    return all(value in {"", "runtime/default"} or value.startswith("localhost/") for value in named)


def _of_known_kind(volume: Any) -> bool:
    return not set(volume) - {"name"} or bool(_VOLUMES & set(volume))  # of no kind is emptyDir


def _not_root(user: Any) -> bool:
    return bool(user != 0)


CONTROLS = (
    Control(BASELINE, "HostProcess", ("securityContext.windowsOptions.hostProcess",), _OFF, True, True),
    Control(BASELINE, "Host Namespaces", ("hostNetwork", "hostPID", "hostIPC"), _OFF, of_pod=True),
    Control(BASELINE, "Privileged Containers", ("securityContext.privileged",), _OFF, of_containers=True),
    Control(
        BASELINE,
        "Capabilities",
        ("securityContext.capabilities.add[]",),
        _one_of(None, *_CAPABILITIES),
        of_containers=True,
    ),
    Control(BASELINE, "HostPath Volumes", ("volumes[].hostPath",), lambda path: path is None, of_pod=True),
    Control(BASELINE, "Host Ports", ("ports[].hostPort",), _one_of(None, 0), of_containers=True),
    Control(BASELINE, "Host Probes / Lifecycle Hooks", _HOSTS, _EMPTY, of_containers=True),
    Control(
        BASELINE,
        "AppArmor",
        ("securityContext.appArmorProfile.type",),
        _one_of(None, *_PROFILE),
        True,
        True,
    ),
    Control(BASELINE, "AppArmor", ("metadata.annotations",), _app_armor, of_pod=True),
    Control(
        BASELINE, "SELinux", ("securityContext.seLinuxOptions.type",), _one_of(None, "", *_SELINUX), True, True
    ),
    Control(
        BASELINE,
        "SELinux",
        ("securityContext.seLinuxOptions.user", "securityContext.seLinuxOptions.role"),
        _EMPTY,
        True,
        True,
    ),
    Control(
        BASELINE,
        "/proc Mount Type",
        ("securityContext.procMount",),
        _one_of(None, "Default"),
        of_containers=True,
    ),
    Control(
        BASELINE, "Seccomp", ("securityContext.seccompProfile.type",), _one_of(None, *_PROFILE), True, True
    ),
    Control(BASELINE, "Sysctls", ("securityContext.sysctls[].name",), _one_of(None, *_SYSCTLS), of_pod=True),
    Control(RESTRICTED, "Volume Types", ("volumes[]",), _of_known_kind, of_pod=True),
    Control(
        RESTRICTED,
        "Privilege Escalation",
        ("securityContext.allowPrivilegeEscalation",),
        _one_of(False),
        of_containers=True,
    ),
    Control(
        RESTRICTED, "Running as Non-root", ("securityContext.runAsNonRoot",), _one_of(None, True), True, True
    ),
    Control(RESTRICTED, "Running as Non-root user", ("securityContext.runAsUser",), _not_root, True, True),
    Control(
        RESTRICTED,
        "Capabilities",
        ("securityContext.capabilities.drop",),
        lambda dropped: "ALL" in (dropped or ()),
        of_containers=True,
    ),
    Control(
        RESTRICTED,
        "Capabilities",
        ("securityContext.capabilities.add[]",),
        _one_of(None, "NET_BIND_SERVICE"),
        of_containers=True,
    ),
)
# What a container must have, unless the pod has it for all of them.
_INHERITED = {
    "Running as Non-root": "securityContext.runAsNonRoot",
    "Seccomp": "securityContext.seccompProfile.type",
}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def violations(pod: Mapping[str, Any], level: str = RESTRICTED) -> list[str]:
    """What a namespace of a level refuses of a pod, each in one line; nothing where it admits the pod.

    Args:
        pod: as the API gets it.
    """
    spec = pod["spec"]
    whole = {**spec, "metadata": pod.get("metadata") or {}}
    containers = [container for part in _CONTAINERS for container in spec.get(part) or ()]
    controls = [control for control in CONTROLS if level == RESTRICTED or control.level == BASELINE]
    found = [line for control in controls if control.of_pod for line in _refused(control, whole, "the pod")]
    for container in containers:
        name = f"container `{container.get('name')}`"
        for control in controls:
            found += _refused(control, container, name) if control.of_containers else ()
        found += _lacking(whole, container, name) if level == RESTRICTED else ()
    return found


def _refused(control: Control, part: Mapping[str, Any], name: str) -> Iterator[str]:
    for path in control.paths:
        for value in _values(part, path):
            if not control.allows(value):
                said = "not set" if value is None else repr(value)
                yield f"{name} is not {control.level} ({control.name}): {path} is {said}"


def _lacking(pod: Mapping[str, Any], container: Mapping[str, Any], name: str) -> Iterator[str]:
    for control, path in _INHERITED.items():
        if not any(value for part in (pod, container) for value in _values(part, path)):
            yield f"{name} is not {RESTRICTED} ({control}): {path} is not set"


def _values(part: Any, path: str) -> list[Any]:
    """What stands at a path: one value, or each of a list; None where there is nothing."""
    found = [part]
    for step in path.split("."):
        found = [value.get(step.removesuffix("[]")) if isinstance(value, Mapping) else None for value in found]
        if step.endswith("[]"):
            found = [item for value in found for item in value or ()]
    return found
