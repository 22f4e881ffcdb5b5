"""The example DAGs that Airflow's own end-to-end suite runs, out of Airflow's wheels and unedited.

The list is that of `airflow-e2e-tests/…/basic_tests/test_example_dags.py` in Airflow's repository.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

DAG_IDS = (
    "example_bash_decorator",
    "example_bash_operator",
    "example_branch_datetime_operator",
    "example_branch_datetime_operator_2",
    "example_branch_datetime_operator_3",
    "example_branch_dop_operator_v3",
    "example_branch_labels",
    "example_branch_operator",
    "example_branch_python_operator_decorator",
    "example_complex",
    "example_custom_weight",
    "example_dag_decorator",
    "example_dynamic_task_mapping",
    "example_dynamic_task_mapping_with_no_taskflow_operators",
    "example_external_task_marker_parent",
    "example_nested_branch_dag",
    "example_sensor_decorator",
    "example_setup_teardown",
    "example_setup_teardown_taskflow",
    "example_short_circuit_decorator",
    "example_short_circuit_operator",
    "example_simplest_dag",
    "example_skip_dag",
    "example_task_group",
    "example_task_group_decorator",
    "example_task_mapping_second_order",
    "example_time_delta_sensor_async",
    "example_trigger_controller_dag",
    "example_trigger_target_dag",
    "example_weekday_branch_operator",
    "example_workday_timetable",
    "example_xcom",
    "example_xcom_args",
    "example_xcom_args_with_operators",
    "latest_only",
    "latest_only_with_trigger",
    "tutorial",
    "tutorial_dag",
    "tutorial_taskflow_api",
    "tutorial_taskflow_api_virtualenv",
    "tutorial_taskflow_templates",
)
# What a DAG asks of the world outside.
NEEDS = {
    "example_dag_decorator": "the internet: `httpbingo.org`",
    "tutorial_taskflow_api_virtualenv": "a package index: `funcsigs` and `dill`",
}
FOLDERS = ("airflow/example_dags", "airflow/providers/standard/example_dags")
# Airflow registers a timetable and a weight by the name under which the DAG files import them.
PLUGINS = """from airflow.example_dags.plugins.decreasing_priority_weight_strategy import *
from airflow.example_dags.plugins.workday import *
"""


def holds(text: str, dag_id: str) -> bool:
    """Whether a file's text declares the DAG."""
    name = re.escape(dag_id)
    return bool(
        re.search(rf'dag_id="{name}"|DAG\(\s*"{name}"|^def {name}\(|@dag\(\s*"{name}"', text, re.MULTILINE)
    )


def copy(packages: Path, project: Path) -> None:
    """Put the files of these DAGs, their SQL and their plugins into a project.

    Args:
        packages: the folder `site-packages` of an environment with Airflow.

    Raises:
        LookupError: no file declares one of them.
    """
    dags = project / "dags"
    dags.mkdir()
    missing = set(DAG_IDS)
    for folder in (packages / name for name in FOLDERS):
        for file in sorted(folder.glob("*.py")):
            text = file.read_text(encoding="utf-8")
            if found := {dag_id for dag_id in DAG_IDS if holds(text, dag_id)}:
                shutil.copy(file, dags)
                missing -= found
        shutil.copytree(folder / "sql", dags / "sql", dirs_exist_ok=True)
    if missing:
        raise LookupError(f"no file of these wheels declares {', '.join(sorted(missing))}")
    (project / "plugins").mkdir()
    (project / "plugins" / "examples.py").write_text(PLUGINS, encoding="utf-8")
