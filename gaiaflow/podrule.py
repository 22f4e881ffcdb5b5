"""What a namespace of the level `restricted` admits of a pod, and the reasons for which a pod never starts.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and the kubelet's waiting reasons.
"""

from __future__ import annotations

from typing import Any

CONTAINER: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
POD: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
# Any user but root, for images that name none.
USER = 10001

NO_IMAGE = frozenset({"ErrImagePull", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"})
# A secret or a key of it is not there.
NO_CONFIG = "CreateContainerConfigError"
HOPELESS = NO_IMAGE | {NO_CONFIG}
