"""Asks an MLflow server for a run by its tags; urllib is enough for two requests."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

# A server that does not answer holds up the end of each task for so long.
TIMEOUT = 3
MOST_EXPERIMENTS = 1000
MOST_RUNS = 20
_NESTED = "mlflow.parentRunId"


def last(address: str, tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The ids of the experiment and of the run that was started last with these tags; None if there is none.

    A run inside of another one does not count.

    Raises:
        OSError: the server does not answer, or not well.
    """
    experiments = _ask(address, "experiments/search", {"max_results": MOST_EXPERIMENTS}).get("experiments", ())
    query = {
        "experiment_ids": [experiment["experiment_id"] for experiment in experiments],
        "filter": " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items()),
        "order_by": ["attributes.start_time DESC"],
        "max_results": MOST_RUNS,
    }
    for run in _ask(address, "runs/search", query).get("runs", ()):
        if not any(tag["key"] == _NESTED for tag in run["data"].get("tags", ())):
            return str(run["info"]["experiment_id"]), str(run["info"]["run_id"])
    return None


def _quoted(value: str) -> str:
    """A value in a filter: MLflow knows both quotes, and no way to escape one."""
    quote = '"' if "'" in value else "'"
    return f"{quote}{value}{quote}"


def _ask(address: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    parts = urlsplit(address)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    headers = {"Content-Type": "application/json"}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    request = urllib.request.Request(  # noqa: S310 - http or https, as the caller has checked
        f"{place}/api/2.0/mlflow/{path}", json.dumps(body).encode(), headers
    )
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")  # never through a proxy
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    with opener.open(request, timeout=TIMEOUT) as answer:
        return dict(json.loads(answer.read()))
