"""`inv dag.explain`: what each task of a DAG is in a mode, and what differs in another."""

from __future__ import annotations

import sys
from difflib import unified_diff
from typing import Any

from invoke.context import Context

from gaiaflow.lifecycle.dag.run import WHEN
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project


@lifecycle_task(
    reads=True,
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "diff": "a second mode: show what differs there, as a unified diff",
        "task": "the id of one task; by default all of them",
        **WHEN,
        "json": "print one JSON object",
    },
)
def explain(
    _c: Context,
    name: str,
    mode: str = "",
    diff: str = "",
    task: str = "",
    date: str = "",
    interval: str = "",
    partition: str = "",
    json: bool = False,
) -> None:
    """Show what each task would be: operator, image, command, environment, resources, the whole pod."""
    from gaiaflow.dags import name as dagid
    from gaiaflow.dags.when import read_when
    from gaiaflow.lifecycle.dag.inspector import inspector

    project = Project.find()
    dagid.checked(name)
    read_when(date, interval, partition)
    when = {"date": date, "interval": interval, "partition": partition}
    modes = [resolve_mode(mode).value if mode else None] + ([resolve_mode(diff).value] if diff else [])
    asked = inspector(project, with_stack=True)
    found = asked.ask("explain", dag=name, modes=modes, task=task, when=when)["explained"]
    if json:
        emit_json(_compared(found) if diff else found[0])
        return
    if not diff:
        sys.stdout.write(as_yaml(found[0]))
    elif lines := difference(*found):
        sys.stdout.write("".join(lines))
    else:
        say(f"nothing differs between {found[0]['mode']} and {found[1]['mode']}")


def as_yaml(explained: dict[str, Any]) -> str:
    """An explained DAG as a person reads it."""
    from yaml import safe_dump

    return str(safe_dump(explained, sort_keys=False, allow_unicode=True, width=sys.maxsize))


def difference(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The lines of the unified diff; empty when both are the same."""
    one, two = (as_yaml(e["tasks"]).splitlines(keepends=True) for e in (first, other))
    return list(
        unified_diff(one, two, f"{first['dag']} in {first['mode']}", f"{other['dag']} in {other['mode']}")
    )


def _compared(found: list[dict[str, Any]]) -> dict[str, Any]:
    first, other = found
    lines = [line.rstrip("\n") for line in difference(first, other)]
    return {"dag": first["dag"], "modes": [first["mode"], other["mode"]], "diff": lines, "explained": found}
