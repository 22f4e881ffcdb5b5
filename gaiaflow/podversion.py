"""Which versions of Kubernetes know every field of a pod: another one ignores a field without a word.

The table has what `PodSpec` gained and lost since 1.29, by the schemas of its API; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Version = tuple[int, int]
OLDEST: Version = (1, 29)
# A field by its path in the pod's spec; `container` is any container of it, `[]` any element.
SINCE: dict[str, Version] = {
    "container.securityContext.appArmorProfile": (1, 30),
    "container.volumeMounts[].recursiveReadOnly": (1, 30),
    "securityContext.appArmorProfile": (1, 30),
    "container.resources.claims[].request": (1, 31),
    "resourceClaims[].resourceClaimName": (1, 31),
    "resourceClaims[].resourceClaimTemplateName": (1, 31),
    "securityContext.supplementalGroupsPolicy": (1, 31),
    "volumes[].image": (1, 31),
    "resources": (1, 32),
    "securityContext.seLinuxChangePolicy": (1, 32),
    "container.lifecycle.stopSignal": (1, 33),
    "container.env[].valueFrom.fileKeyRef": (1, 34),
    "container.restartPolicyRules": (1, 34),
    "hostnameOverride": (1, 34),
    "volumes[].projected.sources[].podCertificate": (1, 34),
    "volumes[].projected.sources[].podCertificate.userAnnotations": (1, 35),
    "workloadRef": (1, 35),
    "schedulingGroup": (1, 36),
    "container.lifecycle.postStart.httpGet.protocol": (1, 37),
    "container.lifecycle.preStop.httpGet.protocol": (1, 37),
    "container.livenessProbe.grpc.mode": (1, 37),
    "container.livenessProbe.httpGet.protocol": (1, 37),
    "container.readinessProbe.grpc.mode": (1, 37),
    "container.readinessProbe.httpGet.protocol": (1, 37),
    "container.startupProbe.grpc.mode": (1, 37),
    "container.startupProbe.httpGet.protocol": (1, 37),
    "container.volumeMounts[].bindMountOptions": (1, 37),
    "evictionResponders": (1, 37),
    "volumes[].configMap.defaultUser": (1, 37),
    "volumes[].configMap.items[].user": (1, 37),
    "volumes[].downwardAPI.defaultUser": (1, 37),
    "volumes[].downwardAPI.items[].user": (1, 37),
    "volumes[].emptyDir.mode": (1, 37),
    "volumes[].projected.defaultUser": (1, 37),
    "volumes[].projected.sources[].clusterTrustBundle.user": (1, 37),
    "volumes[].projected.sources[].configMap.items[].user": (1, 37),
    "volumes[].projected.sources[].downwardAPI.items[].user": (1, 37),
    "volumes[].projected.sources[].podCertificate.user": (1, 37),
    "volumes[].projected.sources[].secret.items[].user": (1, 37),
    "volumes[].projected.sources[].serviceAccountToken.user": (1, 37),
    "volumes[].secret.defaultUser": (1, 37),
    "volumes[].secret.items[].user": (1, 37),
}
# The first version without it.
GONE: dict[str, Version] = {"resourceClaims[].source": (1, 31), "workloadRef": (1, 36)}
_CONTAINERS = re.compile(r"^(?:initContainers|containers|ephemeralContainers)\[\]")


class Fit(NamedTuple):
    """The versions that know every field of a pod.

    Attributes:
        oldest: the first of them, `OLDEST` or newer.
        below: the first one after them; None while there is none.
        why: the field that asks for each end, where one does.
    """

    oldest: Version
    below: Version | None
    why: tuple[str, ...]

    def __str__(self) -> str:
        end = f", older than {_dotted(self.below)}" if self.below else " or newer"
        why = f" ({', '.join(self.why)})" if self.why else ""
        return f"{_dotted(self.oldest)}{end}{why}"

    def refuses(self, version: Version) -> bool:
        """Whether a Kubernetes ignores a field. One that is older than the table is not known."""
        return OLDEST <= version < self.oldest or bool(self.below and version >= self.below)


def fit(spec: Mapping[str, Any]) -> Fit:
    """The versions for the spec of a pod, as Kubernetes' API has it."""
    found = {short(path) for path in paths(spec)}
    since = max(((SINCE[path], path) for path in found if path in SINCE), default=(OLDEST, ""))
    gone = min(((GONE[path], path) for path in found if path in GONE), default=(None, ""))
    return Fit(since[0], gone[0], tuple(dict.fromkeys(filter(None, (since[1], gone[1])))))


def read(told: Sequence[Any]) -> Fit:
    """A `Fit` that came as JSON."""
    oldest, below, why = told
    return Fit((oldest[0], oldest[1]), (below[0], below[1]) if below else None, tuple(why))


def short(path: str) -> str:
    """A path as the table has it."""
    return _CONTAINERS.sub("container", path)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The path of each field that is set."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if inner is not None:
                place = f"{path}.{name}" if path else name
                yield place
                yield from paths(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
