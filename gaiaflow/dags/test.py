"""Runs a DAG of a project in a child process of Airflow's environment, for those who are in another."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gaiaflow import errors
from gaiaflow.dags import name as dagid
from gaiaflow.dags.home import environment, needs_packages, test_home
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import interpreter
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

_BY_EXIT_CODE: dict[int, type[GaiaflowError]] = {
    kind.exit_code: kind for kind in (errors.GaiaflowError, errors.UsageError, errors.MissingError)
}


def environments(project: Project) -> list[str]:
    """The environments that a run in one process needs."""
    own = needs_packages(project) and not interpreter.given(project)
    return ["airflow", "project"] if own else ["airflow"]


def run(
    project: Project,
    python: Path,
    dag: str,
    mode: str | None = None,
    conf: Mapping[str, Any] | None = None,
    retries: int = 0,
    with_stack: bool = False,
    when: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The run as RunResult.as_dict gives it; progress goes to stderr.

    Args:
        python: the interpreter of the airflow environment.
        with_stack: functions may use the running stack; else they write to no MLflow and S3 of it.
        when: ``date``, ``interval`` and ``partition``, each as the option of that name.

    Raises:
        GaiaflowError: the DAG could not be run at all; a run that failed is returned.
    """
    dagid.checked(dag)
    folder = privatefile.folder(test_home(project) / "output")
    log = folder / f"{dag.replace(os.sep, '_')}.log"
    with TemporaryDirectory(dir=folder) as temporary:
        outcome = Path(temporary, "outcome.json")
        argv = [str(python), "-m", "gaiaflow.testing.inprocess", "--project", str(project.root), "--dag", dag]
        argv += ["--outcome", str(outcome), "--log", str(log), "--retries", str(retries)]
        argv += ["--conf", json.dumps(dict(conf or {}))] + (["--mode", mode] if mode else [])
        argv += ["--stack"] if with_stack else []
        argv += [f"--{option}={text}" for option, text in (when or {}).items() if text]
        code = _wait(argv, environment(project, airflow_python=str(python), with_stack=with_stack))
        if not outcome.is_file():
            raise GaiaflowError(f"the run of `{dag}` ended with {code} and left no result", f"less {log}")
        found: dict[str, Any] = read_outcome(outcome)
        return found


def _wait(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run to the end; its stdout goes nowhere near ours, its stderr is ours."""
    process = subprocess.Popen(argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise


def read_outcome(outcome: Path) -> Any:
    """What a child left, or the error that it tells of."""
    found = json.loads(outcome.read_text(encoding="utf-8"))
    if isinstance(found, dict) and (said := found.get("error")):
        raise _BY_EXIT_CODE.get(said["exit_code"], GaiaflowError)(said["message"], said["hint"])
    return found
