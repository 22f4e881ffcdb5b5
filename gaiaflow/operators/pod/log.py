"""What a pod has written, read from the cluster."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from kubernetes.client.exceptions import ApiException

from gaiaflow.operators.container_file import lines_of


def lines(client: Any, pod: Any, container: str, follow: bool, since: Any = None) -> Iterator[str]:
    """The lines of a container.

    Args:
        follow: wait for more until it ends.
        since: the moment of the first line, in ISO 8601 or as a datetime; all lines without it.
    """
    seen = datetime.fromisoformat(str(since).replace("Z", "+00:00")) if since else None
    seconds = math.ceil((datetime.now(timezone.utc) - seen).total_seconds()) if seen else None
    return lines_of(_read(client, pod, container, follow=follow, since_seconds=seconds))


def last_lines(client: Any, pod: Any, container: str) -> list[str]:
    """The end of the log of a container; nothing where the cluster does not hand it out."""
    try:
        log = _read(client, pod, container, tail_lines=50)
        return str(log.data.decode("utf-8", "replace")).splitlines()
    except ApiException:
        return []


def _read(client: Any, pod: Any, container: str, **options: Any) -> Any:
    name, namespace = pod.metadata.name, pod.metadata.namespace
    return client.read_namespaced_pod_log(
        name, namespace, container=container, _preload_content=False, **options
    )
