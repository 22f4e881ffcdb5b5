"""The matrix leaves a receipt of what passed in prod_local, and none of anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.infra.images.image import image_name
from gaiaflow.production import receipt
from gaiaflow.project import Project
from gaiaflow.testing import RunResult, availability, run_dag, run_matrix

DAG_FILE = """
from airflow.sdk import DAG
from gaiaflow.tasks import create_task
with DAG("only", schedule=None):
    create_task("one", "pk.f:one")
"""
FUNCTIONS = "def one():\n    return 1\n"


@pytest.fixture
def found(project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on a machine that says it has a cluster; its functions run in dev all the same."""
    monkeypatch.setattr(availability, "missing", lambda mode, project: "")
    return Project.find(project(DAG_FILE, FUNCTIONS))


def run_in_dev(dag: str, mode: str, **options: Any) -> RunResult:
    return run_dag(dag, "dev", **options)


def test_a_pass_in_prod_local_is_kept(found: Project, airflow_home: Path) -> None:
    told: list[tuple[str, str, str]] = []
    run_matrix(
        [found],
        modes=["dev", "prod_local"],
        home=airflow_home,
        runner=run_in_dev,
        progress=lambda *words: told.append(words),
    )
    kept = receipt.read(found)
    assert kept is not None
    assert list(kept.images) == [image_name(found)]
    assert kept.dags == receipt.take(found, {}).dags
    assert told[-1][1] == "recorded"


@pytest.mark.parametrize(
    "options",
    [{"modes": ["dev"]}, {"modes": ["dev", "prod_local"], "dags": ["only"]}, {"modes": ["dev", "prod"]}],
)
def test_less_than_all_dags_in_prod_local_is_not(
    found: Project, airflow_home: Path, options: dict[str, Any]
) -> None:
    run_matrix([found], home=airflow_home, runner=run_in_dev, **options)
    assert receipt.read(found) is None


def test_what_was_edited_meanwhile_is_not(found: Project, airflow_home: Path) -> None:
    def edit(dag: str, mode: str, **options: Any) -> RunResult:
        (found.dags / "later.txt").write_text(mode)
        return run_in_dev(dag, mode, **options)

    run_matrix([found], modes=["dev", "prod_local"], home=airflow_home, runner=edit)
    assert receipt.read(found) is None
