"""The matrix: one DAG in one mode is a cell; the first mode that ran is what the others are compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from gaiaflow import envvar
from gaiaflow.dags.brokenfile import error_of
from gaiaflow.dags.home import test_home as default_home
from gaiaflow.dags.when import read_when
from gaiaflow.errors import GaiaflowError, UsageError, near_miss
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project
from gaiaflow.result import RunResult
from gaiaflow.testing import availability, passed, place
from gaiaflow.testing.cell import FAILED, PASSED, SKIPPED, Cell
from gaiaflow.testing.compare import compare_edges, differences
from gaiaflow.testing.run import SEE_LOG, Progress, edges, in_mode, load_dag, load_dags, quiet, run_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

# A DAG with this tag is made to fail; its errors are what is compared.
FAILS = "fails-on-purpose"
Runner = Callable[..., RunResult]


def run_matrix(
    projects: Sequence[Project],
    dags: Sequence[str] = (),
    modes: Sequence[str] = (),
    *,
    progress: Progress = quiet,
    runner: Runner = run_dag,
    home: Path | None = None,
    date: str = "",
) -> list[Cell]:
    """Run each DAG in each mode, all in this process.

    Args:
        projects: whose DAGs.
        dags: ids; by default all.
        modes: in order, the first that can run is what the others are compared with; by default all four.
        progress: told of each task, as by run_dag, and of each mode.
        runner: runs one DAG; as run_dag.
        home: AIRFLOW_HOME for all of them; by default the first project's.
        date: the logical date of all runs, ``2024-05-01``; by default today.

    Raises:
        UsageError: a DAG or a mode is unknown.
    """
    date = date or f"{datetime.now(timezone.utc):%Y-%m-%d}"
    wanted = [resolve_mode(mode) for mode in modes] or list(Mode)
    home = home or default_home(projects[0])
    cells, known = [], set()
    for project in projects:
        place.enter(project, home)
        availability.settle_image(project, shared=len(projects) > 1)
        with in_mode(Mode.DEV.value):
            found, errors = load_dags(project)
        known |= set(found)
        cells += [_broken(project, file, text) for file, text in errors.items()]
        absent = {mode: availability.missing(mode, project) for mode in wanted}
        complete = Mode.PROD_LOCAL in wanted and not absent[Mode.PROD_LOCAL] and not dags
        begun = passed.before(project) if complete else None
        for name in [name for name in sorted(found) if not dags or name in dags]:
            row = _Row(project, name, home, progress, runner, FAILS in found[name].tags, date)
            cells += [_required(cell) for cell in row.cells(wanted, absent)]
        if begun and passed.record(project, [c for c in cells if c.project == project.name], begun):
            progress(f"{project.name} in {Mode.PROD_LOCAL}", "recorded", "for inv prod.check")
    for name in dags:
        if name not in known:
            raise UsageError(
                f"no DAG `{name}`{near_miss(name, sorted(known))}", f"there is {', '.join(sorted(known))}"
            )
    return cells


def _broken(project: Project, file: str, text: str) -> Cell:
    return Cell(project.name, Path(file).name, "all", FAILED, "", [f"does not import: {error_of(text)}"])


def _required(cell: Cell) -> Cell:
    """A skip of a mode that must run is a failure."""
    if cell.outcome == SKIPPED and cell.mode in availability.required():
        return replace(cell, outcome=FAILED, detail=[f"{envvar.REQUIRE_MODES} asks for it", *cell.detail])
    return cell


@dataclass
class _Row:
    """One DAG in all modes."""

    project: Project
    dag: str
    home: Path
    progress: Progress
    runner: Runner
    fails: bool
    date: str
    first: tuple[DAG, RunResult] | None = None

    def cells(self, modes: Sequence[Mode], absent: dict[Mode, str]) -> Iterator[Cell]:
        for mode in modes:
            self.progress(f"{self.dag} in {mode}", "started", "")
            begun = time.monotonic()
            cell = self._cell(mode, absent[mode])
            cell = replace(cell, seconds=round(time.monotonic() - begun, 3))
            self.progress(f"{self.dag} in {mode}", cell.outcome, "; ".join(cell.detail))
            yield cell

    def _cell(self, mode: Mode, absent: str) -> Cell:
        blank = Cell(self.project.name, self.dag, mode.value, SKIPPED)
        if absent:
            return replace(blank, detail=[absent])
        try:
            return self._rendered(blank) if availability.is_rendered(mode) else self._ran(blank)
        except GaiaflowError as error:
            return replace(blank, outcome=FAILED, detail=[error.message])
        except Exception as error:  # noqa: BLE001 - one cell that breaks must not hide the others
            return replace(blank, outcome=FAILED, detail=[f"{type(error).__name__}: {error}"])

    def _ran(self, blank: Cell) -> Cell:
        run = self.runner(self.dag, blank.mode, project=self.project, home=self.home, date=self.date)
        wrong = differences(self.first[1], run) if self.first else self._unexpected(run)
        if self.first is None:
            with in_mode(blank.mode):
                self.first = load_dag(self.project, self.dag), run
        return replace(blank, outcome=FAILED if wrong else PASSED, how="ran", detail=wrong, run=run)

    def _unexpected(self, run: RunResult) -> list[str]:
        """How the run that the others are compared with ended, when it is not as the DAG was made to."""
        unsaid = [f"`{name}`: {SEE_LOG}" for name, task in run.tasks.items() if task.error == SEE_LOG]
        if run.succeeded != self.fails:
            return unsaid  # without its error a failure shows nothing
        failed = [f"`{name}`: {task.error}" for name, task in run.tasks.items() if task.error]
        return failed or [f"the run ended as {run.state}, although it is tagged `{FAILS}`"]

    def _rendered(self, blank: Cell) -> Cell:
        from gaiaflow.testing.render import check_rendered

        if self.first is None:
            return replace(blank, detail=["a mode before it that ran: its values are the arguments"])
        with in_mode(blank.mode):
            dag = load_dag(self.project, self.dag)
            before, run = self.first
            wrong = compare_edges(edges(before), edges(dag))
            if not wrong:
                pods = check_rendered(before, run, dag, read_when(self.date))
                wrong = [f"`{task}`: {line}" for task, lines in pods.items() for line in lines]
        return replace(blank, outcome=FAILED if wrong else PASSED, how="rendered", detail=wrong)
