"""Runs tasks of create_task in a real Airflow, each in the mode that a test asks for."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PARITY = ROOT / "tests" / "samples" / "parity"
sys.path[:0] = [str(PARITY), str(Path(__file__).parent)]

from airflow_run import DAG_FILE, Outcomes, RunTasks  # noqa: E402
from example_stack import stack  # noqa: E402, F401 - a fixture
from file_times import pytest_terminal_summary  # noqa: E402, F401 - a hook
from full_runs import pytest_collection_modifyitems  # noqa: E402, F401 - a hook
from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: E402, F401 - hooks

VARIABLE = "GAIAFLOW_AIRFLOW_PYTHON"
# Files that share the example's stack go to one worker, and those with a cluster, of which one runs at a time.
_SHARED = {
    **dict.fromkeys(("test_cluster", "test_job", "test_pods", "test_prodlocal", "test_room"), "cluster"),
    **dict.fromkeys(
        (
            "test_doctor",
            "test_embedded",
            "test_external_store",
            "test_host_network",
            "test_model",
            "test_notebook",
            "test_page_commands",
            "test_pipeline",
            "test_prod",
        ),
        "stack",
    ),
}
LONGEST_RUN = 540


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from worker_groups import Groups

    return Groups(config, log, _SHARED)


def airflow_python() -> str:
    """The interpreter of an environment with Airflow, or a skip that says how to name one."""
    named = os.environ.get(VARIABLE) or str(ROOT / ".gaiaflow" / "envs" / "airflow" / "bin" / "python")
    found = importlib.util.find_spec("airflow")
    if found and found.origin:  # a folder `airflow`, as that of our tests, has none
        return sys.executable
    if not Path(named).is_file():
        pytest.skip(f"no environment with Airflow: `{VARIABLE}` names its Python")
    return named


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """Airflow's interpreter, and the variables of a fresh home with its database made."""
    python = airflow_python()
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    bundle = {
        "name": "dags",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(home / "dags")},
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "GAIAFLOW_", "PYTEST"))}
    variables = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "PYTHONPATH": str(ROOT),
        "GAIAFLOW_CODE": str(PARITY),
        "GAIAFLOW_PROJECT": str(home),
        "GAIAFLOW_PROJECT_NAME": "gaiaflow-tests",
    }
    subprocess.run([python, "-m", "airflow", "db", "migrate"], env=variables, check=True, capture_output=True)
    return python, variables


@pytest.fixture(scope="session")
def run_tasks(airflow: tuple[str, dict[str, str]]) -> RunTasks:
    """Runs a DAG of these tasks (arguments of create_task) and returns how each ended."""
    python, variables = airflow
    count = 0

    def run(
        tasks: list[dict[str, Any]],
        params: Mapping[str, Any] | None = None,
        start_only: bool = False,
        **environ: str,
    ) -> Outcomes | subprocess.Popen[bytes]:
        nonlocal count
        count += 1
        file = Path(variables["AIRFLOW_HOME"], "dags", f"run_{count}.py")
        file.with_suffix(".json").write_text(json.dumps({"tasks": tasks, "params": dict(params or {})}))
        file.write_text(DAG_FILE)
        log = file.with_suffix(".log")
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [python, str(file)], env=variables | environ, stdout=output, stderr=output
            )
        return worker if start_only else _finished(worker, log, file.with_suffix(".report"))

    return run


def _finished(worker: subprocess.Popen[bytes], log: Path, report: Path) -> Outcomes:
    try:
        worker.wait(timeout=LONGEST_RUN)
    finally:
        worker.kill()
        worker.wait()
    lines = report.read_text().splitlines() if report.exists() else []
    return Outcomes(log.read_text(errors="replace"), [json.loads(line) for line in lines])


@pytest.fixture(scope="session")
def parity_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with the runner and the parity package, as gaiaflow lays it out, and a user that is not root."""
    if not (base := os.environ.get("GAIAFLOW_PYTHON_IMAGE")):
        pytest.skip("`GAIAFLOW_PYTHON_IMAGE` names no image of Python to build on")
    folder = tmp_path_factory.mktemp("image")
    subprocess.run(["cp", "-r", str(PARITY / "parity"), str(folder)], check=True)
    subprocess.run(["cp", str(ROOT / "gaiaflow" / "runner.py"), str(folder)], check=True)
    lines = [
        f"FROM {base}",
        "COPY runner.py /opt/gaiaflow/runner.py",
        "COPY parity /opt/project/parity",
        "ENV PYTHONPATH=/opt/project",
        "RUN chmod -R a+rX /opt/gaiaflow /opt/project",
        "USER 10001",
        # What a mode must clear, or the function never runs.
        'ENTRYPOINT ["/bin/false"]',
    ]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    name = "gaiaflow-tests/parity:1"
    built = subprocess.run(
        ["docker", "build", "-q", "-t", name, str(folder)], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"no image could be built: {built.stderr.strip()[-300:]}")
    return name
