"""A pytest plugin for a project's own DAGs: ``-p gaiaflow.testing.plugin``, in Airflow's environment.

    def test_dags(dagbag):
        assert dagbag.errors == {}

    def test_forecast(run_dag):
        assert run_dag("forecast", mode="dev", conf={"horizon": 3}).succeeded

Import airflow inside of tests, not at the top of the file: the fixtures first point it at a home of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project
from gaiaflow.result import RunResult
from gaiaflow.testing import availability, place
from gaiaflow.testing.run import in_mode, load_dags, run_dag as run_one

if TYPE_CHECKING:
    from airflow.sdk import DAG


@dataclass(frozen=True)
class Dags:
    """The DAGs of a project.

    Attributes:
        errors: the traceback of each file that does not import, has a cycle, or whose FromTask leads nowhere.
    """

    dags: dict[str, DAG]
    errors: dict[str, str]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gaiaflow")
    group.addoption("--gaiaflow-project", type=Path, help="folder of the project; by default pytest's rootdir")


@pytest.fixture(scope="session")
def gaiaflow_project(request: pytest.FixtureRequest) -> Project:
    """The project whose DAGs are tested."""
    folder = request.config.getoption("--gaiaflow-project") or request.config.rootpath
    return Project.find(folder)


@pytest.fixture(scope="session")
def gaiaflow_airflow(gaiaflow_project: Project) -> Iterator[Project]:
    """The project, with this process pointed at its test home."""
    with pytest.MonkeyPatch.context() as patch:
        place.enter(gaiaflow_project, setenv=patch.setenv, delenv=patch.delenv)
        availability.settle_image(gaiaflow_project, shared=False)
        yield gaiaflow_project


@pytest.fixture
def dagbag(gaiaflow_airflow: Project) -> Dags:
    """All DAGs of the project, read again in the current mode."""
    return Dags(*load_dags(gaiaflow_airflow))


@pytest.fixture
def run_dag(gaiaflow_airflow: Project) -> Callable[..., RunResult]:
    """``run_dag(name, mode=None, conf=None, retries=0, date="")``, with the other options of
    `gaiaflow.testing.run_dag`; skips the test if this machine lacks what the mode needs."""

    def run(
        name: str, mode: str | None = None, conf: dict[str, Any] | None = None, retries: int = 0, **more: Any
    ) -> RunResult:
        chosen = resolve_mode(mode)
        if absent := availability.missing(chosen, gaiaflow_airflow):
            pytest.skip(f"mode {chosen} needs {absent}")
        if chosen is Mode.PROD and availability.is_rendered(chosen):
            pytest.skip("mode prod needs a cluster around this process")
        return run_one(name, chosen.value, conf, project=gaiaflow_airflow, retries=retries, **more)

    return run


@pytest.fixture
def gaiaflow_mode() -> Callable[[str], Any]:
    """``with gaiaflow_mode("prod"): ...`` holds a mode while DAG files are read."""
    return in_mode
