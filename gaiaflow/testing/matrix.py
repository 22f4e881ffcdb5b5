"""``python -m gaiaflow.testing.matrix``: the DAGs of projects in every mode, compared.

It makes the environments that are missing and goes on in Airflow's; with ``--here`` it stays in this Python,
which then has to have Airflow. The table is on stdout, progress on stderr. Exit 1 when a cell failed.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project

# In a clone of gaiaflow, beside the project of the clone itself, which is the example.
_OF_THE_CLONE = Path("tests/dags")


def parser() -> argparse.ArgumentParser:
    """The options; docs/reference/testing.md is made of them."""
    parser = argparse.ArgumentParser(prog="gaiaflow.testing.matrix", description=__doc__)
    parser.add_argument("--project", action="append", type=Path, default=[], help="a folder; may be repeated")
    parser.add_argument("--dag", action="append", default=[], help="only this DAG; may be repeated")
    parser.add_argument("--modes", default="", help="comma-separated; the first that runs is compared with")
    parser.add_argument("--date", default="", help="the logical date of all runs; by default today")
    parser.add_argument("--here", action="store_true", help="run in this Python")
    parser.add_argument("--home", type=Path, help="AIRFLOW_HOME; by default the first project's")
    parser.add_argument("--artefacts", type=Path, default=Path("artefacts"), help="where the reports go")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--verbose", action="store_true", help="show Airflow's log")
    return parser


def projects(folders: list[Path]) -> list[Project]:
    """The projects of folders; in a clone of gaiaflow its own, elsewhere that of the current folder."""
    more = [_OF_THE_CLONE] if (_OF_THE_CLONE / "pyproject.toml").is_file() else []
    return [Project.find(folder) for folder in folders or [Path.cwd(), *more]]


def in_airflow_environment(found: list[Project], argv: list[str]) -> int:
    """Make what is missing and run this module there."""
    import subprocess

    from gaiaflow.dags.test import environments
    from gaiaflow.infra.environments.environment import ensure_environment

    for project in reversed(found):
        for name in environments(project) if project is found[0] else environments(project)[1:]:
            sys.stderr.write(f"environment {name} of {project.name}\n")
            python = ensure_environment(project, name)
    python = ensure_environment(found[0], "airflow")
    # The environment has gaiaflow; a PYTHONPATH may name packages of another Python.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(python), "-m", "gaiaflow.testing.matrix", "--here", *argv]
    return subprocess.run(command, env=env, check=False).returncode


def run_here(found: list[Project], args: argparse.Namespace) -> int:
    from gaiaflow.infra.host.shortlived import spare_collections
    from gaiaflow.testing import report
    from gaiaflow.testing.cell import FAILED
    from gaiaflow.testing.cells import run_matrix

    spare_collections()
    if not args.verbose:
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
        logging.disable(logging.ERROR)
    args.artefacts.mkdir(parents=True, exist_ok=True)
    artefacts = args.artefacts.resolve()
    modes = [mode for mode in args.modes.split(",") if mode]
    with _printing_to_stderr():
        cells = run_matrix(found, args.dag, modes, progress=_progress, home=args.home, date=args.date)
    for write, name in ((report.write_json, "json"), (report.write_junit, "xml"), (report.write_html, "html")):
        write(cells, artefacts / f"dag_tests.{name}")
    if args.json:
        sys.stdout.write(report.to_json(cells) + "\n")
    else:
        report.print_table(cells)
    return int(any(cell.outcome == FAILED for cell in cells) or not cells)


@contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Keep what Airflow and the functions print off stdout."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _progress(cell: str, state: str, detail: str) -> None:
    if state != "started":
        sys.stderr.write(f"{cell} {state}{': ' + detail[:200] if detail else ''}\n")


def main(argv: list[str]) -> int:
    args = parser().parse_args(argv)
    try:
        found = projects(args.project)
        return run_here(found, args) if args.here else in_airflow_environment(found, argv)
    except GaiaflowError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
