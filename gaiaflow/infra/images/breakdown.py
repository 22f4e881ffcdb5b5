"""What a client raises when its server stops in the middle of the work, as one error for a person."""

from __future__ import annotations

from gaiaflow.errors import GaiaflowError, MissingError

# The packages whose errors mean the Docker engine: the cluster's client explains its own.
_CLIENTS = ("docker", "requests", "urllib3")


def explained(error: BaseException) -> GaiaflowError | None:
    """The error, when it is one of an engine that refused or went away; else None."""
    package = type(error).__module__.partition(".")[0]
    if package not in _CLIENTS:
        return None
    if said := getattr(error, "explanation", None):
        return GaiaflowError(f"the Docker engine refuses: {said}", "docker info")
    cause = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return MissingError(f"the Docker engine stopped answering: {cause}", "docker info, then repeat")
