"""Whether a service answers its health request."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from gaiaflow.endpoints import EVERY

# A proxy of the user's has no business between this machine and itself.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(service: str, url: str, timeout: float = 3) -> bool:
    """Whether the service at the address is up; Airflow is when all of its parts are."""
    try:
        with _opener.open(url + EVERY[service].health, timeout=timeout) as response:
            body = response.read(65536)
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return service != "airflow" or not unhealthy(body)


def unhealthy(body: bytes) -> list[str]:
    """Airflow's parts that do not say healthy in its health answer."""
    try:
        parts = json.loads(body)
    except ValueError:
        return ["api-server"]
    return [name for name, part in parts.items() if isinstance(part, dict) and part.get("status") != "healthy"]
