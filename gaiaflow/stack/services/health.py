"""Whether a service answers its health request."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException

from gaiaflow.endpoints import EVERY
from gaiaflow.errors import StillStartingError
from gaiaflow.infra.host import loopback

# Never send loopback requests through a proxy.
_opener = loopback.opener()


def answers(service: str, url: str, timeout: float = 3) -> bool:
    """Whether the service at the address is up; Airflow is when all of its parts are."""
    return not lacking(service, url, timeout)


def lacking(service: str, url: str, timeout: float = 3) -> list[str]:
    """What of the service at the address is not up yet, as a person calls it."""
    try:
        with _opener.open(url + EVERY[service].health, timeout=timeout) as response:
            body = response.read(65536)
    except urllib.error.HTTPError as error:
        # Other stores than SeaweedFS take the path for a bucket, and refuse whoever does not sign.
        refused = service == "s3" and error.code < 500
        return [] if refused else _absent(service)
    except (OSError, ValueError, HTTPException):  # a stranger may speak no HTTP
        return _absent(service)
    return [f"airflow {part.replace('_', '-')}" for part in unhealthy(body)] if service == "airflow" else []


def _absent(service: str) -> list[str]:
    return ["airflow api-server"] if service == "airflow" else [service]


def waiting(parts: Sequence[str]) -> str:
    """What a wait is for, in words."""
    return f"waiting for {', '.join(parts)}"


def still_starting(service: str, url: str, parts: Sequence[str]) -> StillStartingError:
    """The end of the patience with a service, which continues without us."""
    return StillStartingError(
        f"`{service}` does not answer yet at {url}{EVERY[service].health}; it is still starting, "
        f"{waiting(parts)}",
        f"inv dev.status, or inv dev.logs --service {service}",
    )


def unhealthy(body: bytes) -> list[str]:
    """Airflow's parts that do not say healthy in its health answer."""
    try:
        parts = json.loads(body)
    except (ValueError, RecursionError):
        return ["api-server"]
    if not isinstance(parts, dict):
        return ["api-server"]
    return [name for name, part in parts.items() if isinstance(part, dict) and part.get("status") != "healthy"]
