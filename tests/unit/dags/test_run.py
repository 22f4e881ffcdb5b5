"""`inv dag.*` and the REST client, against a small HTTP server that answers as Airflow does."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.dags import api as airflow_api, pools, run as dagrun
from gaiaflow.dags.api import AirflowApi, NotFoundError
from gaiaflow.dags.when import read_when
from gaiaflow.errors import GaiaflowError, MissingError, StillStartingError, UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.lifecycle.dag.run import read_conf
from gaiaflow.project import Project
from gaiaflow.stack.services.state import STATE

CONFLICT = {"conflict": True}
RUN = "dags/flow/dagRuns/manual__1%2B00%3A00"


def instance(task: str, state: str, map_index: int = -1) -> dict[str, Any]:
    known = {"task_id": task, "map_index": map_index, "state": state, "try_number": 1}
    return {**known, "duration": 0.25, "end_date": "2026-01-01T00:00:00Z"}


def at(seconds: float) -> str:
    """A moment as Airflow's API writes it."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")


# Long after any start or edit.
READ = {"relative_fileloc": "flow.py", "last_parsed_time": at(4_000_000_000), "last_parse_duration": None}


class Airflow:
    """Answers by path; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens = iter(["stale", "fresh", "fresh"])
        self.valid = "fresh"
        self.silent: list[str] = []
        self.refused: dict[str, str] = {}

    def answer(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        if path == "/auth/token":
            right = body == {"username": "admin", "password": "right"}
            return (
                (201, {"access_token": next(self.tokens)})
                if right
                else (401, {"detail": "Invalid credentials"})
            )
        if token != f"Bearer {self.valid}":
            return 401, {"detail": "Invalid token"}
        key = path.removeprefix("/api/v2/")
        if method == "POST" and key in self.refused:
            return 400, {"detail": self.refused[key]}
        if f"{method} {key}" in self.silent:
            self.silent.remove(f"{method} {key}")
            time.sleep(0.6)
        found = self.answers.get(f"{method} {key}", self.answers.get(f"{method} {key.partition('?')[0]}"))
        if found == CONFLICT:
            return 409, {"detail": "there is one"}
        return (200, found) if found is not None else (404, {"detail": f"{key} was not found"})


@pytest.fixture
def airflow() -> Iterator[tuple[Airflow, str]]:
    served = Airflow()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            code, answer = served.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dags").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    return Project.find(tmp_path)


@pytest.fixture
def api(airflow: tuple[Airflow, str]) -> AirflowApi:
    return AirflowApi(airflow[1], "admin", "right")


def test_a_token_that_has_run_out_is_renewed_once(airflow: tuple[Airflow, str], api: AirflowApi) -> None:
    airflow[0].answers["GET dags/flow"] = {"dag_id": "flow"}
    assert api.dag("flow") == {"dag_id": "flow"}
    assert [path for _, path, _ in airflow[0].asked] == [
        "/auth/token",
        "/api/v2/dags/flow",
        "/auth/token",
        "/api/v2/dags/flow",
    ]


def test_refusals_are_told_apart(airflow: tuple[Airflow, str], api: AirflowApi) -> None:
    with pytest.raises(NotFoundError):
        api.dag("nowhere")
    with pytest.raises(GaiaflowError, match="password"):
        AirflowApi(airflow[1], "admin", "wrong").dag("flow")
    with pytest.raises(MissingError, match="does not answer"):
        AirflowApi("http://127.0.0.1:9", "admin", "right").dag("flow")


def test_lists_come_whole(airflow: tuple[Airflow, str], api: AirflowApi) -> None:
    answers = airflow[0].answers
    answers["GET dags?limit=100&offset=0"] = {
        "dags": [{"dag_id": f"d{n}"} for n in range(100)],
        "total_entries": 101,
    }
    answers["GET dags?limit=100&offset=100"] = {"dags": [{"dag_id": "last"}], "total_entries": 101}
    assert len(api.dag_ids()) == 101


def test_a_run_is_triggered_with_its_conf_followed_and_collected(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "new_run_id", lambda: "manual__1+00:00")
    answers = airflow[0].answers
    answers["GET dags/flow"] = {"dag_id": "flow", "is_paused": True, **READ}
    answers["PATCH dags/flow"] = {}
    answers["GET dags/flow/details"] = {"params": {"scale": {"value": 1}}}
    answers["POST dags/flow/dagRuns"] = {"dag_run_id": "manual__1+00:00"}
    answers[f"GET {RUN}"] = {"state": "failed"}
    instances = [
        instance("fails", "failed"),
        instance("many", "success", 1),
        instance("many", "success", 0),
        instance("none", "success"),
        instance("plain", "success"),
    ]
    answers[f"GET {RUN}/taskInstances"] = {"task_instances": instances, "total_entries": 5}
    entries = f"GET {RUN}/taskInstances/many/xcomEntries/return_value?map_index="
    answers[entries + "0"], answers[entries + "1"] = {"value": {"a": 1}}, {"value": '{"a": 1}'}
    plain = f"GET {RUN}/taskInstances/plain/xcomEntries/return_value?map_index=-1"
    answers[plain] = {"value": "http://127.0.0.1:5000"}
    answers["GET dags/flow/tasks"] = {
        "tasks": [
            {"task_id": "fails", "downstream_task_ids": [], "is_mapped": False},
            {"task_id": "many", "downstream_task_ids": ["fails"], "is_mapped": True},
            {"task_id": "none", "downstream_task_ids": [], "is_mapped": False},
            {"task_id": "plain", "downstream_task_ids": [], "is_mapped": False},
        ]
    }
    detail = {"exc_type": "TaskFailedError", "exc_value": "pk:f raised ValueError: x\nhint: y"}
    answers[f"GET {RUN}/taskInstances/fails/logs/1"] = {"content": [{"event": "e", "error_detail": [detail]}]}
    dagrun.await_dag(api, project, "flow")
    run = dagrun.trigger(api, project, "flow", {"scale": 2})
    told: list[tuple[str, str]] = []
    state = dagrun.follow(api, "flow", run, 5, lambda task, state, _: told.append((task, state)))
    result = dagrun.collect(api, "flow", run, state)
    assert ("PATCH", "/api/v2/dags/flow", {"is_paused": False}) in airflow[0].asked
    body = {"conf": {"scale": 2}, "logical_date": None, "dag_run_id": run}
    assert ("POST", "/api/v2/dags/flow/dagRuns", body) in airflow[0].asked
    assert told == [("fails", "failed"), ("many[1]", "success"), ("many[0]", "success"), ("none", "success"),
                    ("plain", "success")]  # fmt: skip
    assert list(result.tasks) == ["many", "none", "plain", "fails"] or list(result.tasks)[-1] == "fails"
    assert result.tasks["many"].value == [{"a": 1}, '{"a": 1}']  # a str stays one
    assert result.tasks["none"].value is None
    assert result.tasks["plain"].value == "http://127.0.0.1:5000"
    assert result.tasks["fails"].error == "pk:f raised ValueError: x"


DATED = {"logical_date": "2024-05-01T00:00:00+00:00"}


def test_a_run_is_triggered_with_its_date_and_its_partition(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    airflow[0].answers["POST dags/flow/dagRuns"] = {}
    airflow[0].answers["GET dags/flow/details"] = {"start_date": "2024-01-01T00:00:00Z", "end_date": None}
    run = dagrun.trigger(api, project, "flow", {}, read_when("2024-05-01", partition="north"))
    body = {"conf": {}, **DATED, "partition_key": "north", "dag_run_id": run}
    assert ("POST", "/api/v2/dags/flow/dagRuns", body) in airflow[0].asked


@pytest.mark.parametrize(("date", "limit"), [("2023-12-31", "begins at"), ("2025-01-01", "ends at")])
def test_a_date_outside_of_the_dag_starts_no_run(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, date: str, limit: str
) -> None:
    limits = {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-12-31T00:00:00Z"}
    airflow[0].answers["GET dags/flow/details"] = limits
    with pytest.raises(UsageError, match=f"but DAG `flow` {limit} 2024-"):
        dagrun.trigger(api, project, "flow", {}, read_when(date))
    assert [method for method, path, _ in airflow[0].asked if path.endswith("dagRuns")] == []


def test_a_second_run_of_a_date_is_refused_with_the_first(
    airflow: tuple[Airflow, str], api: AirflowApi
) -> None:
    airflow[0].answers["POST dags/flow/dagRuns"] = CONFLICT
    airflow[0].answers["GET dags/flow/dagRuns"] = {"dag_runs": [{"dag_run_id": "scheduled__1"}]}
    with pytest.raises(UsageError) as caught:
        api.trigger("flow", {}, DATED)
    assert str(caught.value) == (
        "DAG `flow` already has a run for 2024-05-01T00:00:00+00:00: `scheduled__1`\n"
        "hint: another --date, or run that one again: inv dag.recover flow scheduled__1 --from TASK"
    )


def test_a_dated_run_whose_answer_did_not_come_was_started(
    airflow: tuple[Airflow, str], api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "new_run_id", lambda: "manual__1")
    airflow[0].answers["POST dags/flow/dagRuns"] = CONFLICT
    airflow[0].answers["GET dags/flow/dagRuns"] = {"dag_runs": [{"dag_run_id": "manual__1"}]}
    assert api.trigger("flow", {}, DATED) == "manual__1"


REFUSED = (
    "Invalid input for param scale: 'two' is not of type 'integer'\n\n"
    "Failed validating 'type' in schema:\n    {'type': 'integer'}\n\nOn instance:\n    'two'"
)


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"scael": 2}, "DAG `flow` has no param `scael` (did you mean `scale`?)\nhint: it has scale"),
        ({"scale": "two"}, "`scale` of `--conf` does not fit DAG `flow`: 'two' is not of type 'integer'"),
    ],
)
def test_conf_that_does_not_fit_starts_no_run(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, conf: dict[str, Any], said: str
) -> None:
    airflow[0].answers["GET dags/flow/details"] = {"params": {"scale": {"value": 1}}}
    airflow[0].refused["dags/flow/dagRuns"] = REFUSED
    with pytest.raises(UsageError) as caught:
        dagrun.trigger(api, project, "flow", conf)
    assert str(caught.value) == said


def test_a_dag_that_no_file_names_is_refused_at_once(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    (project.dags / "flow.py").write_text('from airflow.sdk import DAG\n\nwith DAG("flow"): ...\n')
    (project.dags / "broken.py").write_text("def (\n")
    airflow[0].answers["GET importErrors"] = broken("broken.py")
    airflow[0].answers["GET dags"] = {"dags": [], "total_entries": 0}
    with pytest.raises(UsageError) as caught:
        dagrun.await_dag(api, project, "flwo", patience=600)
    assert str(caught.value) == "Airflow has no DAG `flwo` (did you mean `flow`?)\nhint: there is flow"


def test_what_is_waited_for_is_told_once(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagrun, "POLL", 0.05)
    (project.dags / "flow.py").write_text("import elsewhere\n")
    airflow[0].answers["GET importErrors"] = {"import_errors": [], "total_entries": 0}
    airflow[0].answers["GET dags"] = {"dags": [], "total_entries": 0}
    told: list[str] = []
    with pytest.raises(UsageError):
        dagrun.await_dag(api, project, "flow", patience=0.3, tell=told.append)
    assert told == ["waiting until Airflow has read the file of DAG `flow`"]


def test_a_paused_dag_goes_on_and_its_schedule_is_told_unless_one_only_looks(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    answers = airflow[0].answers
    answers["GET dags/flow"] = {"dag_id": "flow", "is_paused": True, "timetable_periodic": True, **READ}
    answers["PATCH dags/flow"] = {}
    told: list[str] = []
    dagrun.await_dag(api, project, "flow", tell=told.append, unpause=False)
    assert (told, [method for method, *_ in airflow[0].asked if method == "PATCH"]) == ([], [])
    dagrun.await_dag(api, project, "flow", tell=told.append)
    assert told == ["DAG `flow` was paused: its schedule is active again"]
    assert [method for method, *_ in airflow[0].asked if method == "PATCH"] == ["PATCH"]


def test_a_busy_airflow_is_asked_again_and_starts_one_run(
    airflow: tuple[Airflow, str], api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "TIMEOUT", 0.3)
    airflow[0].answers |= {"GET dags/flow": {"dag_id": "flow"}, "POST dags/flow/dagRuns": CONFLICT}
    airflow[0].silent += ["GET dags/flow", "POST dags/flow/dagRuns"]
    assert api.dag("flow") == {"dag_id": "flow"}
    run = api.trigger("flow", {})
    asked = [body["dag_run_id"] for method, path, body in airflow[0].asked if path.endswith("/dagRuns")]
    assert asked == [run, run]


def test_what_may_be_asked_for_twice_is_asked_again(
    airflow: tuple[Airflow, str], api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "TIMEOUT", 0.3)
    airflow[0].valid = "stale"
    airflow[0].answers |= {"PATCH dags/flow": {}, "POST pools": CONFLICT}
    airflow[0].silent += ["PATCH dags/flow", "POST pools"]
    api.unpause("flow")
    assert pools.apply(api, {"downloads": 2}) == ["downloads"]
    asked = [(method, path) for method, path, _ in airflow[0].asked]
    assert asked.count(("PATCH", "/api/v2/dags/flow")) == asked.count(("POST", "/api/v2/pools")) == 2


def test_a_request_that_changes_something_is_sent_once(
    airflow: tuple[Airflow, str], api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "TIMEOUT", 0.3)
    airflow[0].valid = "stale"
    airflow[0].silent += ["PATCH dags/flow"]
    with pytest.raises(airflow_api.BusyError, match="does not answer"):
        api.request("PATCH", "dags/flow", {})
    assert [method for method, path, _ in airflow[0].asked if path.endswith("dags/flow")] == ["PATCH"]


def test_a_run_that_does_not_end_is_still_starting(airflow: tuple[Airflow, str], api: AirflowApi) -> None:
    airflow[0].answers[f"GET {RUN}"] = {"state": "running"}
    airflow[0].answers[f"GET {RUN}/taskInstances"] = {"task_instances": [], "total_entries": 0}
    with pytest.raises(StillStartingError, match="it continues"):
        dagrun.follow(api, "flow", "manual__1+00:00", 0, lambda *_: None)


def test_a_dag_that_airflow_does_not_know_is_named_with_its_near_miss(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    airflow[0].answers["GET dags"] = {"dags": [{"dag_id": "flow"}], "total_entries": 1}
    airflow[0].answers["GET importErrors"] = {"import_errors": [], "total_entries": 0}
    with pytest.raises(UsageError, match=r"no DAG `flw` \(did you mean `flow`\?\)"):
        dagrun.await_dag(api, project, "flw", patience=0)


@pytest.mark.parametrize("later", ["a start in another mode", "an edit of the file"])
def test_a_run_waits_until_airflow_has_read_the_dag_again(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, later: str
) -> None:
    (project.dags / "flow.py").touch()
    now = time.time()
    old = {"dag_id": "flow", **READ, "last_parsed_time": at(now - 100), "last_parse_duration": 5.0}
    new = {**old, "last_parsed_time": at(now), "last_parse_duration": 1.0}
    changed = {"a start in another mode": now - 200, "an edit of the file": now - 103}
    os.utime(project.dags / "flow.py", (changed[later], changed[later]))
    privatefile.folder(project.home)
    began = now - 50 if later == "a start in another mode" else now - 300
    privatefile.write_json(project.home / STATE, {"mode": "dev_docker", "began": began})
    answers = airflow[0].answers
    answers["GET importErrors"] = {"import_errors": [], "total_entries": 0}
    answers["GET dags/flow"] = old
    with pytest.raises(StillStartingError) as waited:
        dagrun.await_dag(api, project, "flow", patience=0)
    assert str(waited.value) == (
        "Airflow has not read the file of DAG `flow` since it was changed or Airflow was started\n"
        "hint: inv dev.logs --service airflow"
    )
    answers["GET dags/flow"] = new
    dagrun.await_dag(api, project, "flow", patience=0)


def test_a_file_that_does_not_import_is_shown_at_once(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    broken = {
        "filename": "flow.py",
        "stack_trace": "Traceback ...\nUsageError: unknown mode `x`\nhint: one of\n",
    }
    airflow[0].answers["GET importErrors"] = {"import_errors": [broken], "total_entries": 1}
    with pytest.raises(GaiaflowError, match=r"`flow.py` does not import: UsageError: unknown mode `x`"):
        dagrun.await_dag(api, project, "flow")


def broken(file: str) -> dict[str, Any]:
    return {"import_errors": [{"filename": file, "stack_trace": "SyntaxError: bad"}], "total_entries": 1}


@pytest.mark.parametrize("other", ["broken.py", "notflow.py", "more/notflow.py"])
def test_a_broken_file_does_not_block_the_dag_of_another(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project, other: str
) -> None:
    """The DAG was just edited: Airflow knows it in its old form."""
    airflow[0].answers["GET importErrors"] = broken(other)
    airflow[0].answers["GET dags/flow"] = {"dag_id": "flow", **READ, "is_stale": True}
    with pytest.raises(StillStartingError, match="has not read the file of DAG `flow`"):
        dagrun.await_dag(api, project, "flow", patience=0)
    airflow[0].answers["GET importErrors"] = broken("flow.py")
    with pytest.raises(GaiaflowError, match=r"`flow\.py` does not import: SyntaxError: bad"):
        dagrun.await_dag(api, project, "flow", patience=0)


def test_a_broken_file_does_not_block_a_new_dag_of_another(
    airflow: tuple[Airflow, str], api: AirflowApi, project: Project
) -> None:
    """Airflow does not know the DAG yet: the file that names it is the one to wait for."""
    (project.dags / "new.py").write_text('from airflow.sdk import DAG\n\nwith DAG("flow"): ...\n')
    (project.dags / "broken.py").write_text("def (\n")
    airflow[0].answers["GET importErrors"] = broken("broken.py")
    airflow[0].answers["GET dags"] = {"dags": [], "total_entries": 0}
    with pytest.raises(UsageError, match="no DAG `flow`"):
        dagrun.await_dag(api, project, "flow", patience=0)
    with pytest.raises(UsageError, match=r"no DAG `flwo` \(did you mean `flow`\?\)"):
        dagrun.await_dag(api, project, "flwo", patience=0)
    (project.dags / "broken.py").write_text('with DAG("flow"):\n')
    with pytest.raises(GaiaflowError, match=r"`broken\.py` does not import"):
        dagrun.await_dag(api, project, "flow", patience=0)


def test_without_a_stack_it_is_missing_and_says_how_to_start(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\n[tool.gaiaflow]\n')
    with pytest.raises(MissingError) as error:
        dagrun.connect(Project.find(tmp_path))
    assert (error.value.exit_code, error.value.hint) == (3, "inv dev.start")


def test_conf_is_an_object() -> None:
    assert read_conf("") == {}
    assert read_conf('{"a": [1]}') == {"a": [1]}
    for text in ("{", "[1]", "3", "{'a': 1}", "[" * 100_000):
        with pytest.raises(UsageError, match="`--conf`"):
            read_conf(text)


class Pausing:
    """An Airflow that does not answer for some questions, as on a machine that is busy."""

    url = "http://127.0.0.1:8080"

    def __init__(self, silent: int) -> None:
        self.silent = silent

    def run_state(self, _dag: str, _run: str) -> str:
        self.silent -= 1
        if self.silent >= 0:
            raise MissingError("Airflow does not answer: timed out")
        return "success"

    def instances(self, _dag: str, _run: str) -> list[dict[str, Any]]:
        return []


def test_a_pause_of_airflow_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagrun, "POLL", 0.001)
    assert dagrun.follow(Pausing(3), "flow", "run", 60, lambda *_: None) == "success"  # type: ignore[arg-type]


def test_an_airflow_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagrun, "POLL", 0.001)
    monkeypatch.setattr(dagrun, "PATIENCE", 0)
    with pytest.raises(MissingError, match="does not answer"):
        dagrun.follow(Pausing(10**9), "flow", "run", 60, lambda *_: None)  # type: ignore[arg-type]
