"""`inv dag.graph`: a DAG drawn on the terminal, or as a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.dags.graph.model import Graph

if TYPE_CHECKING:
    from rich.text import Text

    from gaiaflow.dags.graph.terminal import Line

_COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "blue"}
WIDEST_MODE = len("dev_docker")


@lifecycle_task(
    reads=True,
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "output": "write an SVG file instead of drawing on the terminal",
        "run": "the id of a run, or `latest`, the default while the stack runs",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "json": "print one JSON object",
    },
)
def graph(_c: Context, name: str, output: str = "", run: str = "", mode: str = "", json: bool = False) -> None:
    """Draw a DAG: tasks with their modes and last states, groups, dependencies."""
    from gaiaflow.dags import name as dagid
    from gaiaflow.dags.graph.model import graph_of
    from gaiaflow.lifecycle.dag.inspector import inspector

    project = Project.find()
    checked = resolve_mode(mode).value if mode else None
    file = _checked(output)
    dagid.checked(name)
    structure = inspector(project).ask("structure", dag=name, mode=checked)["dags"][0]
    drawn = graph_of(structure, *_run(project, name, run))
    if file:
        from gaiaflow.dags.graph.svg import draw

        file.write_text(draw(drawn), encoding="utf-8")
        say(f"wrote {file}")
    if json:
        emit_json(
            {
                **structure,
                "run": drawn.run,
                "state": drawn.state,
                "tasks": _tasks(drawn, structure),
            }
        )
    elif not file:
        _print(drawn)


def _checked(output: str) -> Path | None:
    if not output:
        return None
    file = Path(output)
    if file.suffix != ".svg":
        raise UsageError(f"`--output` is `{output}`, not an SVG", f"--output {file.with_suffix('.svg')}")
    if not file.parent.is_dir():
        raise UsageError(f"no folder `{file.parent}` for `--output`", f"mkdir -p {file.parent}")
    return file


def _run(project: Project, dag: str, run: str) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """The run to show and its tasks' states; nothing without a stack, unless a run was asked for."""
    from gaiaflow.dags import run as dagrun, state as dagstate

    api = dagrun.connect(project) if run else dagstate.running(project)
    if api is None:
        return None, {}
    try:
        found = dagstate.find_run(api, dag, run or dagstate.LATEST)
    except MissingError:
        if run:
            raise
        return None, {}
    return found, dagstate.task_states(api, dag, found["dag_run_id"])


def _tasks(drawn: Graph, structure: dict[str, Any]) -> list[dict[str, Any]]:
    known = {task.id: task for task in drawn.tasks}
    return [
        {**task, "state": known[task["task"]].state, "seconds": known[task["task"]].seconds}
        for task in structure["tasks"]
    ]


def _print(drawn: Graph) -> None:
    """One line a task on stdout: rails, name, mode, state."""
    from rich.console import Console

    from gaiaflow.dags.graph.terminal import lines

    found = list(lines(drawn))
    rails = max((len(line.rails) for line in found), default=0)
    names = max((len(_name(line)) for line in found), default=0)
    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False, soft_wrap=True)
    head = f"{drawn.dag}  run {drawn.run}: {drawn.state}" if drawn.run else drawn.dag
    console.print(head, style="bold", markup=False)
    for line in found:
        console.print(_text(line, rails, names))


def _name(line: Line) -> str:
    shown = line.task.label + line.task.times if line.task else f"▾ {line.group}" if line.group else ""
    return "  " * line.depth + shown


def _text(line: Line, rails: int, names: int) -> Text:
    from rich.text import Text

    text = Text(f"{line.rails.ljust(rails)}  ")
    text.append(_name(line).ljust(names), style="" if line.task else "dim")
    if task := line.task:
        text.append(f"  {task.where.ljust(WIDEST_MODE)}  ", style="cyan")
        seconds = f" {task.seconds:.1f} s" if task.seconds else ""
        text.append(f"{task.state or ''}{seconds}", style=_COLOURS.get(task.state or "", ""))
    text.rstrip()
    return text
