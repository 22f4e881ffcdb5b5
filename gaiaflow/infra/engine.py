"""Whether a Docker engine answers."""

from __future__ import annotations


def engine_answers() -> bool:
    """Whether the engine that the user's environment points to can be used now."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except DockerException:
        return False
