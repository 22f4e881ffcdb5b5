"""`inv dag.test` and `inv dag.run`: a DAG of the project in one process, or on the running stack."""

from __future__ import annotations

import json as jsonlib
from typing import Any
from urllib.parse import quote

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.dag.inspector import airflow_python
from gaiaflow.lifecycle.terminal import emit_json, emit_table, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project

_CONF = "params of this run as JSON, e.g. '{\"horizon_months\": 12}'"
_JSON = "print the run as one JSON object"
LONGEST_VALUE = 80
LONGEST_WAIT = 3600


@lifecycle_task(
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "conf": _CONF,
        "retries": "try a failed task again this often; by default a failure shows at once",
        "json": _JSON,
    },
)
def test(c: Context, name: str, mode: str = "", conf: str = "", retries: int = 0, json: bool = False) -> None:
    """Run a DAG in one process, without services."""
    from gaiaflow.dags import test as dagtest

    project = Project.find()
    params = read_conf(conf)
    checked = resolve_mode(mode).value if mode else None
    if c.config.run.dry:
        say(f"would run DAG `{name}` of {project.dags} in one process, {checked or 'in the mode that holds'}")
        return
    _end(
        dagtest.run(
            project, airflow_python(project, dagtest.environments(project)), name, checked, params, retries
        ),
        json,
    )


@lifecycle_task(
    positional=["name"],
    optional=["wait"],
    help={
        "name": "the id of the DAG",
        "conf": _CONF,
        "wait": "follow the run, as by default, for at most so many seconds; 0 only triggers it",
        "json": _JSON,
    },
)
def run(c: Context, name: str, conf: str = "", wait: int = LONGEST_WAIT, json: bool = False) -> None:
    """Run a DAG on the running stack and follow it."""
    from gaiaflow.dags import run as dagrun
    from gaiaflow.dags.reading import refuse_unknown

    project = Project.find()
    params = read_conf(conf)
    if c.config.run.dry:
        say(f"would trigger DAG `{name}` on the running stack")
        return
    refuse_unknown(project, name)
    api = dagrun.connect(project)
    dagrun.await_dag(api, project, name, tell=say)
    run_id = dagrun.trigger(api, project, name, params)
    say(f"run {run_id}: {api.url}/dags/{name}/runs/{quote(run_id)}")
    seconds = LONGEST_WAIT if wait is True else int(wait)
    if seconds <= 0:
        if json:
            emit_json({"dag": name, "run_id": run_id, "state": "queued", "tasks": {}})
        return
    state = dagrun.follow(api, name, run_id, seconds, _say_progress)
    result = dagrun.collect(api, name, run_id, state)
    if address := dagrun.mlflow_address(project, result):
        say(f"MLflow run: {address}")
    _end({"run_id": run_id, **result.as_dict()}, json)


def _say_progress(task: str, state: str, detail: str) -> None:
    say(f"{task} {state} {detail}".rstrip())


def read_conf(conf: str) -> dict[str, Any]:
    """The params that `--conf` gives.

    Raises:
        UsageError: it is not a JSON object.
    """
    try:
        value = jsonlib.loads(conf or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"`--conf` is not JSON: {error}", '--conf \'{"name": "value"}\'') from None
    if not isinstance(value, dict):
        raise UsageError(f"`--conf` is a JSON {type(value).__name__}, not an object", "--conf '{\"name\": 1}'")
    return value


def _end(run: dict[str, Any], json: bool) -> None:
    """Show a run; exit 1 when it failed."""
    if json:
        emit_json(run)
    else:
        rows = [_row(name, task) for name, task in run["tasks"].items()]
        emit_table(["task", "state", "seconds", "value"], rows)
    if run["state"] != "success":
        failed = [name for name, task in run["tasks"].items() if task["state"] == "failed"]
        why = "".join(f"\n  {name}: {run['tasks'][name].get('error', 'failed')}" for name in failed)
        raise Exit(f"error: DAG `{run['dag']}` ended as {run['state']}{why}", code=1)


def _row(name: str, task: dict[str, Any]) -> list[str]:
    shown = task.get("error") or jsonlib.dumps(task["value"], ensure_ascii=False)
    short = shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"
    return [name, task["state"], f"{task['seconds']:.1f}", short]
