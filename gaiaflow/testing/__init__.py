"""Test DAGs: run one in this process, or run them in every mode and compare the results.

    from gaiaflow.testing import run_dag, run_matrix

It works in Airflow's environment (``.gaiaflow/envs/airflow``). The functions import Airflow after they have set
a separate database for the tests. With pytest, use ``-p gaiaflow.testing.plugin``.
"""

from gaiaflow.result import RunResult, TaskResult
from gaiaflow.testing.cell import Cell
from gaiaflow.testing.cells import run_matrix
from gaiaflow.testing.interpreter import airflow_python, project_python
from gaiaflow.testing.run import load_dag, run_dag

__all__ = [
    "Cell",
    "RunResult",
    "TaskResult",
    "airflow_python",
    "load_dag",
    "project_python",
    "run_dag",
    "run_matrix",
]
