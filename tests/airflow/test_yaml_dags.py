"""DAGs from YAML give what the same DAG gives in Python; a wrong one is an import error that names its file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gaiaflow.project import Project
from gaiaflow.stack.services.airflow import airflow_environment
from gaiaflow.testing import load_dag, place, run_dag
from gaiaflow.testing.compare import differences
from gaiaflow.testing.render import check_rendered
from gaiaflow.testing.run import in_mode, load_dags

MATRIX = Path(__file__).parents[1] / "dags"
LOADER = "from gaiaflow.dagfactory import load_yaml_dags  # for Airflow\n\nload_yaml_dags(globals())\n"
TASK = "operator: gaiaflow.dagfactory.Task"
Make = Callable[..., Path]


@pytest.fixture
def yaml_project(project: Make) -> Callable[[str], Project]:
    """A small project with a DAG file that loads one YAML file."""

    def make(text: str) -> Project:
        root = project(LOADER, "def same(y):\n    return y\n")
        (root / "dags" / "flow.yml").write_text(text)
        return Project.find(root)

    return make


def test_the_same_dag_gives_the_same_from_both(project: Make, airflow_home: Path) -> None:
    assert project(LOADER)  # for what it takes back
    matrix = Project.find(MATRIX)
    python, yaml = (
        run_dag(n, "dev", project=matrix, home=airflow_home, date="2024-05-01")
        for n in ("parity_python", "parity_yaml")
    )
    assert python.succeeded
    assert differences(python, yaml) == []
    with in_mode("dev"):
        first = load_dag(matrix, "parity_python")
    with in_mode("prod"):
        pods = check_rendered(first, yaml, load_dag(matrix, "parity_yaml"))
    assert set(pods) == set(python.tasks)
    assert not any(pods.values()), pods


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"flow:\n  tasks:\n    - {{task_id: a, {TASK}, func_path: pk.f.same}}\n", "did you mean `pk.f:same`"),
        (
            f"flow:\n  tasks:\n    - {{task_id: a, {TASK}, func_path: 'pk.f:same', expand: {{y: [1]}}}}\n",
            "map_over",
        ),
        ("flow:\n  tasks:\n    - {task_id: a, operator: gaiaflow.dagfactory.Tusk}\n", "Tusk"),
        ("flow: {tasks: [\n", "defines no valid DAG"),
        (
            f"flow:\n  tasks:\n    - {{task_id: a, {TASK}, func_path: 'pk.f:same',"
            " func_args: [{from_task: b, ky: x}]}\n",
            "a mapping with `from_task` has 'ky' too",
        ),
    ],
)
def test_a_file_that_is_wrong_is_an_import_error_with_its_name(
    yaml_project: Callable[[str], Project], airflow_home: Path, text: str, said: str
) -> None:
    found = yaml_project(text)
    place.enter(found, airflow_home)
    (error,) = load_dags(found)[1].values()
    assert "`flow.yml`" in error
    assert said in error


def test_a_reference_to_no_task_is_an_import_error(
    yaml_project: Callable[[str], Project], airflow_home: Path
) -> None:
    task = f"task_id: a, {TASK}, func_path: 'pk.f:same', func_args: [{{from_task: b}}]"
    found = yaml_project(f"flow:\n  tasks:\n    - {{{task}}}\n")
    place.enter(found, airflow_home)
    (error,) = load_dags(found)[1].values()
    assert "`b`" in error


def test_defaults_beside_it_count_and_make_no_dag(
    yaml_project: Callable[[str], Project], airflow_home: Path
) -> None:
    found = yaml_project(
        f"flow:\n  tasks:\n    - {{task_id: a, {TASK}, func_path: 'pk.f:same', func_args: [1]}}\n"
    )
    (found.dags / "defaults.yml").write_text("default_args:\n  retries: 7\n  owner: me\n")
    place.enter(found, airflow_home)
    dags, errors = load_dags(found)
    assert (set(dags), errors) == ({"flow"}, {})
    task = dags["flow"].get_task("a")
    assert (task.retries, task.owner) == (7, "me")


def test_files_in_hidden_folders_are_not_dags(
    yaml_project: Callable[[str], Project], airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `dags` is the project's own folder, its environments are below it."""
    found = yaml_project(
        f"flow:\n  schedule: null\n  tasks:\n    - {{task_id: a, {TASK}, func_path: 'pk.f:same'}}\n"
    )
    hidden = found.dags / ".gaiaflow" / "envs"
    hidden.mkdir(parents=True)
    (hidden / "metrics_template.yaml").write_text("- not: a DAG\n")
    place.enter(found, airflow_home)
    dags, errors = load_dags(found)
    assert (list(dags), errors) == (["flow"], {})


def test_nothing_is_told_to_the_makers_of_dag_factory(
    yaml_project: Callable[[str], Project], airflow_home: Path
) -> None:
    env = airflow_environment(yaml_project(""), airflow_home)
    code = "from dagfactory.telemetry import should_emit; print(should_emit())"
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "False"
