"""Keeps the logs of worker pods, which go with their pod: in MLflow's artifacts, where Airflow's UI reads them.

Airflow takes this module by ``[logging] logging_config_class`` and finds ``REMOTE_TASK_LOG`` in it. MLflow
hands artifacts on to the S3 store, so that a worker needs no key for its log.
"""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG as LOGGING
from airflow.sdk.configuration import conf

from gaiaflow import envvar

__all__ = ["LOGGING", "REMOTE_TASK_LOG", "ArtifactLog"]

FOLDER = "airflow-logs"
TIMEOUT = 30
PAUSE = 1.0


class ArtifactLog:
    """Airflow's RemoteLogIO over MLflow's artifact proxy.

    Attributes:
        processors: none; a log is sent whole when its task has ended.
    """

    processors: tuple[Any, ...] = ()

    def upload(self, path: os.PathLike[str] | str, ti: Any = None) -> None:  # noqa: ARG002 - Airflow passes it
        """Send the log of a worker pod; elsewhere the file stays and is read from where it lies."""
        if not os.environ.get(envvar.WORKER):
            return
        data = (Path(conf.get("logging", "base_log_folder")) / path).read_bytes()
        with _request("PUT", str(path), data):
            return

    def read(self, relative_path: str, ti: Any) -> tuple[list[str], list[str] | None]:  # noqa: ARG002
        """Where the log was found, and its text; nothing where there is none or MLflow does not answer."""
        try:
            text = _read(relative_path)
        except OSError as error:
            missing = isinstance(error, urllib.error.HTTPError) and error.code < 500
            return ([] if missing else [f"MLflow does not hand the log out: {error}"]), None
        return [f"{FOLDER}/{relative_path} in MLflow"], [text]


def _read(path: str, tries: int = 3) -> str:
    """A worker tells its state before it sends its log, and MLflow answers 500 for what is not there."""
    try:
        with _request("GET", path) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if error.code < 500 or tries == 1:
            raise
    time.sleep(PAUSE)
    return _read(path, tries - 1)


def _request(method: str, path: str, data: bytes | None = None) -> Any:
    address = os.environ.get("MLFLOW_TRACKING_URI", "").rstrip("/")
    if not address:
        raise OSError("MLFLOW_TRACKING_URI names no address")
    # A colon or a plus in the name of a run is no place of a path.
    quoted = urllib.parse.quote(urllib.parse.quote(path, safe="/"), safe="/")
    url = f"{address}/api/2.0/mlflow-artifacts/artifacts/{FOLDER}/{quoted}"
    request = urllib.request.Request(url, data, method=method)  # noqa: S310 - the stack's own address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=TIMEOUT)


REMOTE_TASK_LOG = ArtifactLog()
