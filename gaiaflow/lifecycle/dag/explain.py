"""`inv dag.explain`: what each task of a DAG is in a mode, and what differs in another."""

from __future__ import annotations

import sys
from difflib import unified_diff
from typing import Any

from invoke.context import Context

from gaiaflow import envvar
from gaiaflow.lifecycle.dag.run import WHEN
from gaiaflow.lifecycle.terminal import emit_json, emit_table, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project

# What a person compares; `spec`, the whole container or pod, has another form in each mode.
COMPARED = (
    "operator",
    "image",
    "command",
    "environment",
    "resources",
    "secrets",
    "data",
    "retries",
    "ignored",
    "note",
)
LONGEST = 100
EVERY = "every task"
_OWN = {*envvar.SETTINGS, *envvar.INTERNAL}


@lifecycle_task(
    reads=True,
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "diff": "a second mode: show only what differs in it",
        "task": "the id of one task; by default all of them",
        "full": "everything: command, environment, the whole container or pod; with --diff as a unified diff",
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
    full: bool = False,
    date: str = "",
    interval: str = "",
    partition: str = "",
    json: bool = False,
) -> None:
    """Show how each task would run: operator, image, resources, secrets, ignored arguments and why."""
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
    if diff:
        _show_difference(found, full)
    elif full:
        sys.stdout.write(as_yaml(found[0]))
    else:
        emit_table(
            ["task", "operator", "image", "resources", "secrets", "data", "ignored"], summary(found[0]["tasks"])
        )
        for line in fits(found[0]["tasks"]):
            say(line)
        say(f"in mode {found[0]['mode']}; all of it: inv dag.explain {name} --mode {found[0]['mode']} --full")


def _show_difference(found: list[dict[str, Any]], full: bool) -> None:
    first, other = found
    if full:
        sys.stdout.write("".join(difference(first, other)))
    elif rows := differing(first["tasks"], other["tasks"]):
        emit_table(["task", "what", first["mode"], other["mode"]], rows)
    else:
        say(f"nothing differs between {first['mode']} and {other['mode']}")


def fits(tasks: dict[str, dict[str, Any]]) -> list[str]:
    """For which Kubernetes the pods are: one line where all are for the same."""
    found = {name: str(task["kubernetes"]) for name, task in tasks.items() if task.get("kubernetes")}
    if len(set(found.values())) == 1:
        return [f"the pods fit Kubernetes {next(iter(found.values()))}"]
    return [f"the pod of {name} fits Kubernetes {text}" for name, text in found.items()]


def summary(tasks: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A row for each explained task; what it does not have is ``-``."""
    return [
        [
            name,
            task.get("operator") or "-",
            task.get("image") or "-",
            ", ".join(f"{path} {value}" for path, value in _flat(task.get("resources") or {}).items()) or "-",
            ", ".join(task.get("secrets") or ()) or "-",
            ", ".join(f"{name}: {place}" for name, place in (task.get("data") or {}).items()) or "-",
            "; ".join(f"{each['argument']}: {each['why']}" for each in task.get("ignored") or ()) or "-",
        ]
        for name, task in tasks.items()
    ]


def differing(first: dict[str, Any], other: dict[str, Any]) -> list[list[str]]:
    """Task, what, and its two values, wherever they differ; one that is absent is ``-``.

    What differs in the same way in each of several tasks has one row, of `EVERY`.
    """
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name in first:
        one, two = (_compared_values(tasks[name]) for tasks in (first, other))
        for path in dict.fromkeys([*one, *two]):
            if one.get(path) != two.get(path):
                rows.setdefault((path, one.get(path, "-"), two.get(path, "-")), []).append(name)
    several = len(first) > 1
    shared = [row for row, names in rows.items() if several and len(names) == len(first)]
    own = [(name, row) for name in first for row, names in rows.items() if name in names and row not in shared]
    return [
        [name, path, _short(a), _short(b)] for name, (path, a, b) in [*((EVERY, row) for row in shared), *own]
    ]


def _compared_values(task: dict[str, Any]) -> dict[str, str]:
    """What is compared of a task; without the variables by which the parts of gaiaflow talk to each other."""
    found = _flat({key: task[key] for key in COMPARED if task.get(key)})
    return {path: text for path, text in found.items() if path.removeprefix("environment.") not in _OWN}


def _flat(value: dict[str, Any], above: str = "") -> dict[str, str]:
    """The leaves of nested dicts by their dotted paths; lists are leaves."""
    flat: dict[str, str] = {}
    for key, each in value.items():
        path = f"{above}{key}"
        if key == "ignored":
            flat |= {path: ", ".join(one["argument"] for one in each)}
        elif isinstance(each, dict):
            flat |= _flat(each, f"{path}.")
        else:
            flat[path] = " ".join(map(str, each)) if isinstance(each, list) else str(each)
    return flat


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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
