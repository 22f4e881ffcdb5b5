"""`inv dag.list` and `inv dag.check`: which DAGs there are, and what is wrong with them."""

from __future__ import annotations

import sys
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import Phases, emit_json, emit_table, lifecycle_task, say
from gaiaflow.modes import resolve_mode
from gaiaflow.project import Project

# A process of Airflow's takes a core for seconds.
AT_ONCE = 2
# How many of them time the files, too.
LOOKS = 2
# Of a DAG that no running Airflow knows.
_UNKNOWN: dict[str, Any] = {"last_run": None, "next_run": None, "paused": None}
_MODE = "dev, dev_docker, prod_local or prod; by default GAIAFLOW_MODE, else dev"


@lifecycle_task(name="list", reads=True, help={"mode": _MODE, "json": "print one JSON object"})
def list_dags(_c: Context, mode: str = "", json: bool = False) -> None:
    """List the DAGs of the project: file, tasks, modes, schedule, next run, files that do not import."""
    from gaiaflow.dags import state as dagstate
    from gaiaflow.dags.brokenfile import broken_file
    from gaiaflow.lifecycle.dag.inspector import inspector

    project = Project.find()
    checked = resolve_mode(mode).value if mode else None
    found = inspector(project).ask("structure", mode=checked)
    standing = dagstate.overview(project)
    rows = [_listed(dag, standing.get(dag["dag"], {})) for dag in found["dags"]]
    if json:
        emit_json({"dags": rows, "errors": found["errors"]})
        return
    columns = ["dag", "file", "tasks", "modes", "schedule", "last run", "next run"]
    shown = [{**row, "next_run": "paused" if row["paused"] else row["next_run"]} for row in rows]
    emit_table(columns, [[_text(row[name.replace(" ", "_")]) for name in columns] for row in shown])
    for file, text in found["errors"].items():
        say(str(broken_file(project, file, text)))


def _listed(dag: dict[str, Any], standing: dict[str, Any]) -> dict[str, Any]:
    modes = sorted({task["mode"] or "airflow" for task in dag["tasks"]})
    head = {name: dag[name] for name in ("dag", "file", "schedule", "tags")}
    return {**head, "tasks": len(dag["tasks"]), "modes": modes, **_UNKNOWN, **standing}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "-" if value is None else str(value)


@lifecycle_task(
    reads=True,
    bare="name",
    help={
        "name": "the id of one DAG; by default all of them",
        "mode": _MODE,
        "budget": "warn if reading a file takes longer than this multiple of `import airflow.sdk`",
        "times": "how many times to read each DAG, to see whether its version changes by itself",
        "json": "print one JSON object",
    },
)
def check(
    _c: Context,
    name: str | None = None,
    mode: str = "",
    budget: str = "3.0",
    times: int = 2,
    json: bool = False,
) -> None:
    """Check DAGs: imports, tasks, functions and their arguments, reading time, DAG version."""
    from gaiaflow.dags import check as dagcheck, name as dagid, test as dagtest
    from gaiaflow.lifecycle.dag.inspector import inspector

    project = Project.find()
    if name:
        dagid.checked(name)
    checked = resolve_mode(mode).value if mode else None
    limit = _number(budget)
    asked = inspector(project, *dagtest.environments(project))
    report = run_checks(asked, name or "", checked, limit, times)
    if json:
        emit_json(report.as_dict())
    else:
        _show(report)
    if not report.ok:
        wrong = sum(finding.level == dagcheck.ERROR for finding in report.findings)
        raise Exit(f"error: {wrong} of the checks failed", code=1)


def run_checks(asked: Any, name: str, mode: str | None, budget: float, times: int) -> Any:
    """All checks, one phase each."""
    from concurrent.futures import ThreadPoolExecutor

    from gaiaflow.dags import check as dagcheck, version as dagversion

    phases = Phases(4)
    asked.environment  # noqa: B018 - made once, before the threads
    timed = dagcheck.candidates(asked.project, name)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first, *others = [
            pool.submit(dagversion.read, asked, seed, mode, name or None, timed if seed <= LOOKS else ())
            for seed in range(1, max(times, 1) + 1)
        ]
        try:
            with phases.phase("imports and tasks"):
                dags, errors = dagcheck.structures(asked.project, first.result(), name)
                findings = [*dagcheck.import_findings(asked.project, errors)]
                findings += [f for dag in dags for f in dagcheck.integrity_findings(dag)]
                findings += [f for dag in dags for f in dagcheck.schedule_findings(dag)]
            with phases.phase("functions in the project's environment"):
                findings += dagcheck.function_findings(asked, dags)
            with phases.phase("the time to read each file"):
                files = {dag["file"] for dag in dags} | set(errors)
                looks = [look for each in (first, *others) if (look := each.result().get("seconds"))]
                costs = {file: cost for file, cost in dagcheck.costs(looks).items() if file in files}
                findings += dagcheck.cost_findings(costs, budget)
            with phases.phase(f"the DAG version, read {times} times to see whether it changes by itself"):
                stored = [future.result()["stored"] for future in (first, *others)]
                findings += dagcheck.version_findings(dags, stored)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return dagcheck.Checked(dags, costs, findings, times)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"`--budget` is {text!r}, not a number", "--budget 3.0") from None


def _show(report: Any) -> None:
    for dag in report.dags:
        sys.stdout.write(f"{_line(dag, report)}\n")
    for finding in report.findings:
        where = " ".join(filter(None, [finding.file, finding.dag, finding.task]))
        say(f"{finding.level}: {where}: {finding.message}")


def _line(dag: dict[str, Any], report: Any) -> str:
    """One DAG in one line: the verdict, what was read, and how long that takes."""
    levels = {finding.level for finding in report.findings_of(dag)}
    verdict = next((level for level in ("error", "warning") if level in levels), "ok")
    tasks = f"{len(dag['tasks'])} task{'' if len(dag['tasks']) == 1 else 's'}"
    cost = report.costs.get(dag["file"])
    read = "" if cost is None else f"; takes {cost:.2f} times as long to read as `import airflow.sdk` alone"
    return f"{verdict}: {dag['dag']}, {tasks} in {dag['file']}{read}"
