"""`inv dag.test` and `inv dag.run`: a DAG of the project in one process, or on the running stack."""

from __future__ import annotations

import json as jsonlib
import shlex
import time
from typing import Any

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.dag import building
from gaiaflow.lifecycle.dag.follow import end, follow as follow_run, say_where
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project

_CONF = "params of this run as JSON, e.g. '{\"horizon_months\": 12}'"
_JSON = "print the run as one JSON object"
_BUILD = "build the image of the tasks first, in mode dev_docker or prod_local"
LONGEST_WAIT = 3600
# The same on every command that is about one run; FromRun gives it to the function.
WHEN = {
    "date": "the logical date of the run, e.g. 2024-05-01 or 2024-05-01T06:00Z; by default it has none",
    "interval": "the data interval as A..B, without B; by default from the DAG's timetable",
    "partition": "the partition key of the run",
}


@lifecycle_task(
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "conf": _CONF,
        **WHEN,
        "retries": "try a failed task again this many times; by default not at all",
        "stack": "let functions use the running stack's MLflow and S3; by default a temporary MLflow",
        "build": _BUILD,
        "json": _JSON,
    },
)
def test(
    c: Context,
    name: str,
    mode: str = "",
    conf: str = "",
    date: str = "",
    interval: str = "",
    partition: str = "",
    retries: int = 0,
    stack: bool = False,
    build: bool = False,
    json: bool = False,
) -> None:
    """Run a DAG in one process, without services."""
    from gaiaflow.dags import test as dagtest
    from gaiaflow.dags.home import running_stack
    from gaiaflow.dags.when import read_when
    from gaiaflow.lifecycle.dag.inspector import airflow_python
    from gaiaflow.stack.services import mode as stackmode

    project = Project.find()
    params = read_conf(conf)
    read_when(date, interval, partition)
    when = {"date": date, "interval": interval, "partition": partition}
    checked = resolve_mode(mode).value if mode else None
    image_mode = checked or stackmode.asked(project, "")
    if build:
        building.refuse(image_mode)
    if c.config.run.dry:
        say(f"would run DAG `{name}` of {project.dags} in one process, {checked or 'in the current mode'}")
        return
    python = airflow_python(project, dagtest.environments(project))
    if not stack and checked not in (None, Mode.DEV.value) and running_stack(project):
        say("functions find no MLflow and no S3 in their containers; `--stack` lets them use the running ones")
    if build:
        building.build(project, image_mode)
    else:
        say_old_image(project, image_mode)
    begun = time.monotonic()
    found = dagtest.run(project, python, name, checked, params, retries, stack, when)
    end(found, json, time.monotonic() - begun)


@lifecycle_task(
    positional=["name"],
    optional=["wait"],
    help={
        "name": "the id of the DAG",
        "conf": _CONF,
        **WHEN,
        "wait": "follow the run for at most this many seconds; 0 only triggers it",
        "no-follow": "only start the run",
        "build": _BUILD,
        "json": _JSON,
    },
)
def run(
    c: Context,
    name: str,
    conf: str = "",
    date: str = "",
    interval: str = "",
    partition: str = "",
    wait: int = LONGEST_WAIT,
    no_follow: bool = False,
    build: bool = False,
    json: bool = False,
) -> None:
    """Run a DAG on the running stack and follow it."""
    from gaiaflow.dags import run as dagrun
    from gaiaflow.dags.reading import refuse_undeclared
    from gaiaflow.dags.when import read_when
    from gaiaflow.stack.services import mode as stackmode

    project = Project.find()
    params, when = read_conf(conf), read_when(date, interval, partition)
    mode = stackmode.kept(project)
    if build:
        building.refuse(mode)
    if c.config.run.dry:
        say(f"would trigger DAG `{name}` on the running stack")
        return
    refuse_undeclared(project, name)
    api = dagrun.connect(project)
    dagrun.await_dag(api, project, name, tell=say)
    if build:
        building.build(project, mode)
    run_id = dagrun.trigger(api, project, name, params, when)
    say_where(api, name, run_id)
    if not build:
        say_old_image(project, mode)  # the run is on its way meanwhile
    seconds = LONGEST_WAIT if wait is True else int(wait)
    if no_follow or seconds <= 0:
        if json:
            emit_json({"dag": name, "run_id": run_id, "state": "queued", "tasks": {}})
        else:
            say(f"follow it: {shlex.join(['inv', 'dag.watch', name, run_id])}")
        return
    follow_run(project, api, name, run_id, seconds, json)


def say_old_image(project: Project, mode: str) -> None:
    """Say when a mode's tasks run an image that is older than the code."""
    from gaiaflow.dags import oldimage

    if told := oldimage.warning(project, mode):
        say(told)


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
