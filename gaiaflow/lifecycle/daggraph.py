"""`inv dag.graph`: a DAG drawn on the terminal, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from invoke.context import Context

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.graph.model import Graph, graph_of
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project

_COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "blue"}
LONGEST_DEPTH = 4


@lifecycle_task(
    reads=True,
    positional=["name"],
    help={
        "name": "the id of the DAG",
        "output": "write an SVG there instead of drawing on the terminal",
        "run": "the id of a run, or `latest`, as by default while the stack runs",
        "mode": "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev",
        "json": "print one JSON object",
    },
)
def graph(_c: Context, name: str, output: str = "", run: str = "", mode: str = "", json: bool = False) -> None:
    """Draw a DAG: tasks with their modes and last states, groups, edges."""
    from gaiaflow.infra import dagid
    from gaiaflow.lifecycle.inspector import inspector

    project = Project.find()
    checked = resolve_mode(mode).value if mode else None
    file = _checked(output)
    dagid.checked(name)
    structure = inspector(project).ask("structure", dag=name, mode=checked)["dags"][0]
    drawn = graph_of(structure, *_run(project, name, run))
    if file:
        from gaiaflow.graph.svg import draw

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
    from gaiaflow.infra import dagrun, dagstate

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
    import sys

    from rich.console import Console
    from rich.text import Text

    from gaiaflow.graph.terminal import lines

    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False, soft_wrap=True)
    found = list(lines(drawn))
    rails = max((len(line.rails) for line in found), default=0)
    names = max(
        (len("  " * line.depth + line.task.label + line.task.times) for line in found if line.task), default=0
    )
    head = f"{drawn.dag}  run {drawn.run}: {drawn.state}" if drawn.run else drawn.dag
    console.print(Text(head, style="bold"))
    for line in found:
        text = Text(line.rails.ljust(rails))
        if line.group:
            text.append(f"  {'  ' * line.depth}{line.group}", style="dim")
        if line.task:
            task = line.task
            name = "  " * line.depth + task.label + task.times
            text.append(f"  {name.ljust(names)}")
            text.append(f"  {task.where.ljust(10)}", style="cyan")
            seconds = f" {task.seconds:.1f} s" if task.seconds else ""
            text.append(f"  {(task.state or '') + seconds}", style=_COLOURS.get(task.state or "", ""))
        console.print(text.__class__(text.plain.rstrip()) if not text.spans else text)
