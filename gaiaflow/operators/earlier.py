"""``.env`` of the earlier template: the running stack's addresses and keys in place of its own stack's."""

from __future__ import annotations

from collections.abc import Mapping

# The variable, what the earlier template has for it, and the variable of the running stack.
_INSTEAD = (
    ("MLFLOW_SERVER_URI", {"http://mlflow:5000", "http://localhost:5000"}, "MLFLOW_TRACKING_URI"),
    ("S3_ENDPOINT_URL", {"http://minio:9000", "http://localhost:9000"}, "AWS_ENDPOINT_URL_S3"),
    ("AWS_ACCESS_KEY_ID", {"minio"}, "AWS_ACCESS_KEY_ID"),
    ("AWS_SECRET_ACCESS_KEY", {"minio123"}, "AWS_SECRET_ACCESS_KEY"),
)


def translated(dotenv: Mapping[str, str], stack: Mapping[str, str]) -> dict[str, str]:
    """The variables of ``.env``, each that has the earlier template's own value with the stack's instead.

    Args:
        stack: the variables that the process has from the running stack.
    """
    instead = {
        name: stack[of]
        for name, earlier, of in _INSTEAD
        if of in stack and dotenv.get(name, "").rstrip("/") in earlier
    }
    return {**dotenv, **instead}
