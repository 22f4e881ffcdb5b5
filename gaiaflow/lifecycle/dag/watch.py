"""`inv dag.watch`: a run that goes on already, followed as `dag.run` follows it."""

from __future__ import annotations

from invoke.context import Context

from gaiaflow.lifecycle.dag.follow import follow, say_where
from gaiaflow.lifecycle.terminal import lifecycle_task
from gaiaflow.project import Project

LONGEST_WAIT = 3600


@lifecycle_task(
    reads=True,
    positional=["name"],
    bare="run",
    help={
        "name": "the id of the DAG",
        "run": "the id of the run; by default the latest one",
        "wait": "follow it for at most this many seconds",
        "json": "print the run as one JSON object",
    },
)
def watch(_c: Context, name: str, run: str | None = None, wait: int = LONGEST_WAIT, json: bool = False) -> None:
    """Follow a run of a DAG: show failures when they happen, and how it ends."""
    from gaiaflow.dags import name as dagid, run as dagrun, state as dagstate

    project = Project.find()
    dagid.checked(name)
    api = dagrun.connect(project)
    found = dagstate.find_run(api, name, run or dagstate.LATEST)
    run_id = str(found["dag_run_id"])
    say_where(api, name, run_id)
    follow(project, api, name, run_id, int(wait), json)
