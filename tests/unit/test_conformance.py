"""The run of Airflow's example DAGs: which files it takes, and the table of what it saw."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "docs" / "hooks")]

import conformance  # noqa: E402
import examples  # noqa: E402


def test_the_kept_states_are_of_these_dags() -> None:
    for column in conformance.kept().values():
        assert set(column["dags"]) == set(examples.DAG_IDS)


def test_what_needs_the_world_outside_is_a_dag_of_the_list() -> None:
    assert set(examples.NEEDS) <= set(examples.DAG_IDS)
    assert len(examples.DAG_IDS) == len(set(examples.DAG_IDS)) == 41


@pytest.mark.parametrize(
    "text",
    ['dag_id="tutorial"', 'DAG(\n    "tutorial",', "@dag()\ndef tutorial():", '@dag("tutorial")'],
)
def test_a_file_declares_a_dag_in_each_of_airflows_ways(text: str) -> None:
    assert examples.holds(text, "tutorial")


def test_a_name_that_is_longer_or_only_mentioned_is_no_declaration() -> None:
    assert not examples.holds('dag_id="tutorial_dag"\n# tutorial', "tutorial")


def test_wheels_without_one_of_the_dags_are_refused(tmp_path: Path) -> None:
    for folder in examples.FOLDERS:
        (tmp_path / "packages" / folder / "sql").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    with pytest.raises(LookupError, match="tutorial_taskflow_api"):
        examples.copy(tmp_path / "packages", tmp_path / "project")


def test_a_backend_that_was_not_run_has_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"apache-airflow": "3", "apache-airflow-providers-standard": "1", "seconds": 9}
    states = {name: {"state": "success", "failed": []} for name in examples.DAG_IDS}
    states["tutorial"] = {"state": "failed", "failed": ["print_date"]}
    column = {**facts, "taken": "today", "machine": "Linux", "dags": states}
    monkeypatch.setattr(conformance, "kept", lambda: {"docker": column})
    page = conformance.conformance()
    assert "| DAG | docker | needs |" in page
    assert "| `tutorial` | **failed**: `print_date` |  |" in page
    assert page.startswith("- docker: 40 of 41 succeeded in 9 s")
