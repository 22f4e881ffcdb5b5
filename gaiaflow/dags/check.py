"""Checks the DAGs of a project: imports, integrity, functions, reading time, DAG version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gaiaflow import runner
from gaiaflow.dags.brokenfile import broken_file, naming
from gaiaflow.dags.home import project_python
from gaiaflow.dags.inspector import Inspector
from gaiaflow.dags.version import Stored, churn
from gaiaflow.errors import UsageError, near_miss
from gaiaflow.project import Project

# How much more than `import airflow.sdk` alone a file may cost: 1.0 is nothing at all.
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        level: ``error`` or ``warning``.
        check: import, integrity, schedule, function, cost or version.
    """

    level: str
    check: str
    message: str
    file: str | None = None
    dag: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class Checked:
    """What came out of the checks.

    Attributes:
        costs: each file's cost, as a multiple of importing ``airflow.sdk`` alone; None when it does not import.
    """

    dags: list[dict[str, Any]]
    costs: dict[str, float | None]
    findings: list[Finding]
    times: int

    @property
    def ok(self) -> bool:
        return not any(finding.level == ERROR for finding in self.findings)

    def findings_of(self, dag: Mapping[str, Any]) -> list[Finding]:
        """What is wrong with one DAG, or with its file."""
        return [f for f in self.findings if f.dag == dag["dag"] or (f.dag is None and f.file == dag["file"])]

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "dags": [{"dag": d["dag"], "file": d["file"], "tasks": len(d["tasks"])} for d in self.dags],
            "files": [{"file": file, "cost": cost} for file, cost in sorted(self.costs.items())],
            "serialised": self.times,
            "findings": [asdict(finding) for finding in self.findings],
        }


def structures(
    project: Project, found: Mapping[str, Any], name: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The DAGs to check, and the files that do not import.

    Args:
        found: what was read, as the inspection tells it.

    Raises:
        UsageError: there is no such DAG, and every file that may have it imports.
    """
    dags = found["dags"]
    chosen = [dag for dag in dags if name in ("", dag["dag"])]
    if not name or chosen:
        return chosen, {} if name else found["errors"]
    holders = {str(file) for file in naming(project, name)}
    errors = {file: text for file, text in found["errors"].items() if not holders or file in holders}
    if not errors:
        known = [dag["dag"] for dag in dags]
        raise UsageError(
            f"no DAG `{name}` in {project.dags}{near_miss(name, known)}",
            f"there is {', '.join(known) or 'none at all'}",
        )
    return [], errors


def import_findings(project: Project, errors: Mapping[str, str]) -> Iterator[Finding]:
    """Cycles, double ids and a FromTask that names nothing are errors of the import, too."""
    for file, text in errors.items():
        yield Finding(ERROR, "import", broken_file(project, file, text).explained, file=file)


def integrity_findings(dag: Mapping[str, Any]) -> Iterator[Finding]:
    """Tasks that are connected with nothing, and DAGs without tasks."""
    where = {"file": dag["file"], "dag": dag["dag"]}
    if not dag["tasks"]:
        yield Finding(WARNING, "integrity", "the DAG has no task", **where)
    reached = {name for task in dag["tasks"] for name in task["downstream"]}
    for task in dag["tasks"]:
        if len(dag["tasks"]) > 1 and not task["downstream"] and task["task"] not in reached:
            message = "the task has no task before it and none behind it"
            yield Finding(WARNING, "integrity", message, **where, task=task["task"])


def schedule_findings(dag: Mapping[str, Any]) -> Iterator[Finding]:
    """A DAG that runs for dates, of whose tasks none can know the date."""
    if not dag["timed"] or not dag["tasks"] or any(task["takes_run"] for task in dag["tasks"]):
        return
    message = (
        f"the DAG is scheduled ({dag['schedule']}), and no task takes anything of its run: "
        'FromRun("data_interval_start"), say'
    )
    yield Finding(WARNING, "schedule", message, file=dag["file"], dag=dag["dag"])


def function_findings(inspector: Inspector, dags: list[dict[str, Any]]) -> list[Finding]:
    """Functions that do not import in the project's environment, or do not take what their task passes."""
    tasks = [(dag, task) for dag in dags for task in dag["tasks"] if task["function"]]
    if not tasks:
        return []
    calls = [{"function": task["function"], **task["call"]} for _, task in tasks]
    script = Path(__file__).parents[1] / "inspection" / "signatures.py"
    python = project_python(inspector.project, str(inspector.python))
    said = inspector.run([python, str(script), str(runner.__file__)], calls, inspector.project.dotenv)
    return [
        Finding(ERROR, "function", problem, file=dag["file"], dag=dag["dag"], task=task["task"])
        for (dag, task), problem in zip(tasks, said, strict=True)
        if problem
    ]


def candidates(project: Project, name: str) -> list[str]:
    """The files that may hold a DAG, all DAGs without a name: known before any of them is read."""
    files = naming(project, name) if name else []
    return [str(file) for file in files or naming(project, "airflow")]


def costs(looks: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Each file's cost as a multiple of importing ``airflow.sdk`` alone.

    Args:
        looks: what several processes measured, as `stopwatch.measure` gives it; the least of them is the cost,
            the rest is noise of the machine.
    """
    alone = min(look["airflow"] for look in looks)
    found = {file: [look["files"][file] for look in looks] for file in looks[0]["files"]}
    return {
        file: None if None in seconds else round((alone + min(seconds)) / alone, 2)
        for file, seconds in found.items()
    }


def cost_findings(found: Mapping[str, float | None], budget: float) -> Iterator[Finding]:
    for file, cost in found.items():
        if cost is not None and cost > budget:
            message = f"reading it costs {cost} times `import airflow.sdk` alone; the budget is {budget}"
            yield Finding(WARNING, "cost", message, file=file)


def version_findings(dags: list[dict[str, Any]], stored: list[Mapping[str, Stored]]) -> Iterator[Finding]:
    """DAGs that get a new version at every look, and those that cannot be stored at all."""
    for dag in dags:
        samples = [sample[dag["dag"]] for sample in stored if dag["dag"] in sample]
        for message in churn(samples):
            yield Finding(ERROR, "version", message, file=dag["file"], dag=dag["dag"])
