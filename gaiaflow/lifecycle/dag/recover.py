"""`inv dag.recover`: what failed in a run, and what comes after it, again."""

from __future__ import annotations

from typing import Any

from invoke.context import Context

from gaiaflow.errors import MissingError
from gaiaflow.lifecycle.dag.follow import follow, say_where
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.project import Project

LONGEST_WAIT = 3600


@lifecycle_task(
    positional=["name", "run"],
    help={
        "name": "the id of the DAG",
        "run": "the id of the run, or `latest`",
        "from": "a task to run again, with those after it, even if it succeeded",
        "dry-run": "only show what would run again",
        "wait": "follow the run for at most this many seconds",
        "json": "print the run as one JSON object",
    },
)
def recover(
    c: Context,
    name: str,
    run: str,
    from_: str = "",
    dry_run: bool = False,
    wait: int = LONGEST_WAIT,
    json: bool = False,
) -> None:
    """Run the failed tasks of a run again, and those after them, with the current code; keep other results."""
    from gaiaflow.dags import name as dagid, recover as dagrecover, run as dagrun, state as dagstate

    project = Project.find()
    dagid.checked(name)
    if c.config.run.dry:
        say(f"would run what failed in run `{run}` of DAG `{name}` again")
        return
    api = _connect(project)
    found = dagstate.find_run(api, name, run)
    dagrun.await_dag(api, project, name, tell=say, unpause=not dry_run)
    run_id = str(found["dag_run_id"])
    planned = dagrecover.recovery(api, name, found, from_)
    for words, tasks in (
        ("runs again", planned.again),
        ("keeps its result", planned.kept),
        ("new in the DAG", planned.new),
    ):
        if tasks:
            say(f"{words}: {', '.join(tasks)}")
    told = {"again": planned.again, "kept": planned.kept, "new": planned.new}
    if dry_run:
        if json:
            emit_json({"dag": name, "run_id": run_id, **told})
        return
    dagrecover.begin(api, name, run_id, planned)
    say_where(api, name, run_id)
    follow(project, api, name, run_id, int(wait), json, planned.seen, told, planned.kept)


def _connect(project: Project) -> Any:
    """The running Airflow; nothing else keeps the results of a run.

    Raises:
        MissingError: it does not run.
    """
    from gaiaflow.dags import run as dagrun

    try:
        return dagrun.connect(project)
    except MissingError as error:
        raise MissingError(
            f"{error.message}: `dag.recover` is for runs on the stack, `dag.test` keeps no results", error.hint
        ) from None
