"""The DAG files import in every mode, without a cycle, and every FromTask leads somewhere: `nox -s dags`."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(find_spec("airflow") is None, reason="needs Airflow's environment: nox -s dags")


@pytest.mark.parametrize("mode", ["dev", "dev_docker", "prod_local", "prod"])
def test_every_dag_file_imports(
    mode: str, gaiaflow_mode: Callable[[str], Any], request: pytest.FixtureRequest
) -> None:
    with gaiaflow_mode(mode):
        assert request.getfixturevalue("dagbag").errors == {}


def test_every_task_can_be_tried_again(dagbag: Any) -> None:
    tasks = [task for dag in dagbag.dags.values() for task in dag.tasks]
    assert all(task.retries > 0 for task in tasks)


def test_the_pipeline_is_in_order(dagbag: Any) -> None:
    dag = dagbag.dags["co2_forecast"]
    order = [task.task_id for task in dag.topological_sort()]
    assert order == ["preprocess", "modelling.train", "modelling.evaluate"]
