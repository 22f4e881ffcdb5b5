"""A client for Airflow's REST API: what `inv dag.run` asks of a running Airflow, and nothing more.

urllib is enough for six requests; no package comes in for them.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from gaiaflow.errors import FINAL_NOTE, GaiaflowError, MissingError, UsageError
from gaiaflow.infra.host import loopback
from gaiaflow.result import Part

TIMEOUT = 30
# For so long a request that Airflow leaves without an answer, or answers by 5xx, is sent again.
PATIENCE = 120.0
PAUSE = 1.0
PAGE = 100
FINISHED = ("success", "failed")
# Never send loopback requests through a proxy.
_opener = loopback.opener()


class NotFoundError(GaiaflowError):
    """Airflow has no such thing, or not yet."""


class AirflowApi:
    """One Airflow, as one user.

    Args:
        url: ``http://host:port``.
        user, password: of Airflow's simple auth manager.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._token = ""

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON answer; a token that has run out is renewed once, and reading waits for a busy Airflow."""
        if method != "GET":
            return self._request(method, path, body, query)
        return patiently(lambda: self._request(method, path, body, query))

    def insist(self, method: str, path: str, body: Any, **query: Any) -> bool:
        """Change what may be asked for twice: a busy Airflow is asked again; what it has already is done.

        Returns:
            False where Airflow has it already: an earlier request was taken, whose answer did not come, or
            another client's.
        """
        try:
            patiently(lambda: self._request(method, path, body, query))
        except ConflictError:
            return False
        return True

    def _request(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> Any:
        target = f"{self.url}/api/v2/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        for renewed in (False, True):
            if not self._token or renewed:
                self._token = self.sign_in()
            try:
                return self._send(method, target, body, self._token)
            except _UnauthorizedError:
                continue
        raise GaiaflowError(
            f"Airflow at {self.url} refuses this user for {method} {path}", "inv dev.credentials"
        )

    def _send(self, method: str, url: str, body: Any, token: str) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - an http address of ours
        try:
            with _opener.open(request, timeout=TIMEOUT) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _explained(error, bool(token)) from None
        except OSError as error:
            busy = isinstance(getattr(error, "reason", error), (TimeoutError, ConnectionResetError))
            kind = BusyError if busy else MissingError
            raise kind(f"Airflow does not answer at {self.url}: {error}", "inv dev.status") from None

    def sign_in(self) -> str:
        """A token as Airflow's login page gets it; it runs out by itself."""
        return str(self._send("POST", f"{self.url}/auth/token", self._login, "")["access_token"])

    # DAGs

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Raises NotFoundError while Airflow has not read its file."""
        found: dict[str, Any] = self.request("GET", f"dags/{_quoted(dag_id)}")
        return found

    def dags(self) -> list[dict[str, Any]]:
        """All that Airflow has read."""
        return self.every("dags", "dags")

    def details(self, dag_id: str) -> dict[str, Any]:
        """More of a DAG: its params, its time zone, its limits, the assets that start it."""
        found: dict[str, Any] = self.request("GET", f"dags/{_quoted(dag_id)}/details")
        return found

    def params(self, dag_id: str) -> dict[str, Any]:
        """The params of a DAG by name."""
        return dict(self.details(dag_id)["params"] or {})

    def dag_ids(self) -> list[str]:
        return [dag["dag_id"] for dag in self.dags()]

    def import_errors(self) -> dict[str, str]:
        """The traceback of each file that does not import."""
        return {e["filename"]: e["stack_trace"] for e in self.every("importErrors", "import_errors")}

    def unpause(self, dag_id: str) -> None:
        self.insist("PATCH", f"dags/{_quoted(dag_id)}", {"is_paused": False})

    # Runs

    def trigger(self, dag_id: str, conf: Mapping[str, Any], when: Mapping[str, Any] | None = None) -> str:
        """Start a run; its id. It is ours, so that asking a busy Airflow again starts no second one.

        Args:
            when: the logical date, the data interval and the partition key, by the names of the API.

        Raises:
            UsageError: the DAG has a run of that date.
        """
        run_id = new_run_id()
        body = {"conf": dict(conf), "logical_date": None, "dag_run_id": run_id, **(when or {})}
        if not self.insist("POST", f"dags/{_quoted(dag_id)}/dagRuns", body) and body["logical_date"]:
            self._refuse_second(dag_id, run_id, body["logical_date"])
        return run_id

    def _refuse_second(self, dag_id: str, run_id: str, date: str) -> None:
        """Raise where another run has the date of ours."""
        path = f"dags/{_quoted(dag_id)}/dagRuns"
        same = self.request("GET", path, logical_date_gte=date, logical_date_lte=date)["dag_runs"]
        other = next((run["dag_run_id"] for run in same if run["dag_run_id"] != run_id), None)
        if other is not None:
            again = shlex.join(["inv", "dag.recover", dag_id, other, "--from", "TASK"])
            raise UsageError(
                f"DAG `{dag_id}` already has a run for {date}: `{other}`",
                f"another --date, or run that one again: {again}",
            )

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", _run(dag_id, run_id))
        return found

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.run(dag_id, run_id)["state"])

    def run_seconds(self, dag_id: str, run_id: str) -> float | None:
        """How long a run that is over took, in seconds; None while it goes on."""
        run = self.run(dag_id, run_id)
        begun, ended = (run.get(name) for name in ("start_date", "end_date"))
        if not begun or not ended:
            return None
        first, last = (datetime.fromisoformat(str(text).replace("Z", "+00:00")) for text in (begun, ended))
        return (last - first).total_seconds()

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The last runs of a DAG, of all DAGs for ``~``; the newest first."""
        path = f"dags/{_quoted(dag_id)}/dagRuns"
        found: list[dict[str, Any]] = self.request("GET", path, order_by="-run_after", limit=PAGE)["dag_runs"]
        return found

    def asset_events(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The asset events that started a run, each with ``name``, ``extra`` and ``timestamp``."""
        found: list[dict[str, Any]] = self.request("GET", f"{_run(dag_id, run_id)}/upstreamAssetEvents")[
            "asset_events"
        ]
        return found

    def brought_events(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The asset events that a run brought, the first one first, each with the ``created_dagruns``."""
        query = {"source_dag_id": dag_id, "source_run_id": run_id, "order_by": "timestamp", "limit": PAGE}
        found: list[dict[str, Any]] = self.request("GET", "assets/events", **query)["asset_events"]
        return found

    def asset_expression(self, dag_id: str) -> dict[str, Any]:
        """What starts a DAG: ``{"all": [...]}``, ``{"any": [...]}``; empty where no asset does."""
        return dict(self.details(dag_id).get("asset_expression") or {})

    def dags_of_asset(self, asset_id: int) -> list[str]:
        """The DAGs that an asset starts, alone or together with others."""
        return [dag["dag_id"] for dag in self.request("GET", f"assets/{asset_id}")["scheduled_dags"]]

    def tasks(self, dag_id: str) -> list[dict[str, Any]]:
        """The tasks of a DAG, upstream ones first."""
        found = self.request("GET", f"dags/{_quoted(dag_id)}/tasks")["tasks"]
        return _sorted(found)

    def instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self.every(f"{_run(dag_id, run_id)}/taskInstances", "task_instances")

    def part(self, dag_id: str, run_id: str, instance: Mapping[str, Any]) -> Part:
        """A task instance with its value and its error."""
        state = str(instance["state"] or "none")
        place = f"{_run(dag_id, run_id)}/taskInstances/{_quoted(instance['task_id'])}"
        value = self._value(place, instance["map_index"]) if state == "success" else None
        error = self._error(dag_id, run_id, instance) if state == "failed" else None
        return Part(instance["map_index"], state, value, round(instance["duration"] or 0.0, 3), error)

    def _value(self, place: str, map_index: int) -> Any:
        try:
            entry = self.request("GET", f"{place}/xcomEntries/return_value", map_index=map_index)
        except NotFoundError:
            return None
        return entry["value"]

    def log(self, dag_id: str, run_id: str, instance: Mapping[str, Any], attempt: int) -> list[Any]:
        """The entries of the log of one attempt: objects, or lines where Airflow could not read them."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{_quoted(instance['task_id'])}/logs/{attempt}"
        found = self.request("GET", path, map_index=instance["map_index"], full_content="true")["content"]
        return list(found or ())

    def tries(self, dag_id: str, run_id: str, instance: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All attempts of a task instance, each as it ended."""
        place = f"{_run(dag_id, run_id)}/taskInstances/{_quoted(instance['task_id'])}"
        index = "" if instance["map_index"] < 0 else f"/{instance['map_index']}"
        found: list[dict[str, Any]] = self.request("GET", f"{place}{index}/tries")["task_instances"]
        return found

    def _error(self, dag_id: str, run_id: str, instance: Mapping[str, Any]) -> str:
        """The last error that the log tells of."""
        try:
            content = self.log(dag_id, run_id, instance, max(instance["try_number"], 1))
        except GaiaflowError:
            content = []
        return self.error_in(content)

    def error_in(self, content: list[Any]) -> str:
        """The last error that the entries of a log tell of."""
        details = [d for e in content if isinstance(e, dict) for d in (e.get("error_detail") or ())]
        if not details:
            return "no error was handed over; see the log"
        kind, text = details[-1].get("exc_type", ""), str(details[-1].get("exc_value", ""))
        message = " ".join(_OUR_WORDS.split(text, maxsplit=1)[0].split())
        return message if kind in _OURS else f"{kind}: {message}"

    def every(self, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
        """A whole list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", path, **query, limit=PAGE, offset=len(found))
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found


# The errors whose text alone says what happened, as in dag.test.
_OURS = {"TaskFailedError", "GaiaflowError", "MissingError", "UsageError"}
_OUR_WORDS = re.compile(rf"\n(?:hint: |{FINAL_NOTE})")


def new_run_id() -> str:
    """As Airflow would make one."""
    return f"manual__{datetime.now(timezone.utc).isoformat()}_{secrets.token_hex(4)}"


class BusyError(MissingError):
    """Airflow listens and gives no answer in time."""


class ServerError(GaiaflowError):
    """Airflow answered by 5xx: SQLite gave up a lock, say."""


def patiently(send: Callable[[], Any]) -> Any:
    """Send again what a busy Airflow did not answer or answered by 5xx, as long as there is patience."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(BusyError, ServerError):
            return send()
        time.sleep(PAUSE)
    return send()


class ConflictError(GaiaflowError):
    """Airflow has such a thing already."""


class _UnauthorizedError(GaiaflowError):
    """The token is not valid any more."""


def _explained(error: urllib.error.HTTPError, with_token: bool) -> GaiaflowError:
    """What Airflow says of a request that it refused."""
    try:
        detail = json.loads(error.read()).get("detail", error.reason)
    except ValueError:
        detail = error.reason
    said = detail if isinstance(detail, str) else json.dumps(detail)
    if error.code == 401:
        known = "Airflow's password is not the one that was kept"
        return (
            _UnauthorizedError(said)
            if with_token
            else GaiaflowError(known, "inv dev.restart --service airflow")
        )
    if error.code == 404:
        return NotFoundError(said)
    if error.code == 409:
        return ConflictError(f"Airflow has it already: {said}")
    if error.code in (400, 422):
        return UsageError(f"Airflow refuses the request: {said}", "")
    kind = ServerError if error.code >= 500 else GaiaflowError
    return kind(f"Airflow answered {error.code}: {said}", "inv dev.logs --service airflow")


def _run(dag_id: str, run_id: str) -> str:
    return f"dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}"


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _sorted(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Upstream tasks first, else by name."""
    from graphlib import TopologicalSorter

    by_id = {task["task_id"]: task for task in sorted(tasks, key=lambda task: task["task_id"])}
    upstream: dict[str, set[str]] = {name: set() for name in by_id}
    for name, task in by_id.items():
        for after in task["downstream_task_ids"]:
            upstream[after].add(name)
    return [by_id[name] for name in TopologicalSorter(upstream).static_order()]
