"""The links that Airflow's UI shows with a task: its run in MLflow, and what the docs say of its error."""

from __future__ import annotations

import base64
import json
import os
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow.sdk import BaseOperatorLink

from gaiaflow.explained import of_task
from gaiaflow.operators.lineage import TRACKING, mlflow_address, tags_of

# A server that does not answer holds up the end of each task for so long.
TIMEOUT = 3
MOST_EXPERIMENTS = 1000
MOST_RUNS = 20
_NESTED = "mlflow.parentRunId"


class MlflowRunLink(BaseOperatorLink):  # type: ignore[misc]
    """The MLflow run that the function started."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Empty where the function started none, or its MLflow does not answer."""
        seen, stack = operator.mlflow()
        return run_address(seen, stack, ti_key)


class ErrorDocsLink(BaseOperatorLink):  # type: ignore[misc]
    """The section of the docs on the error that ended the last attempt."""

    name = "Docs of the error"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow passes it
        """Empty if it succeeded, or if no section describes the error."""
        return of_task(operator.ended_with)


def run_address(seen: Mapping[str, str], stack: Mapping[str, str], ti: Any) -> str:
    """The page of the MLflow run that a function started last; empty where there is none that can be seen.

    Args:
        seen, stack: as for `mlflow_address`.
        ti: the attempt.
    """
    shown, own = mlflow_address(seen, stack), seen.get(TRACKING, "")
    # This process may know the stack's MLflow by another address than the function does.
    asked = os.environ.get(TRACKING, shown) if own == stack.get(TRACKING) else own
    if not shown.startswith(("http://", "https://")):
        return ""
    try:
        found = _last_run(asked, tags_of(ti))
    except (OSError, ValueError, KeyError):
        return ""
    return f"{shown.rstrip('/')}/#/experiments/{found[0]}/runs/{found[1]}" if found else ""


def _last_run(address: str, tags: Mapping[str, str]) -> tuple[str, str] | None:
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
