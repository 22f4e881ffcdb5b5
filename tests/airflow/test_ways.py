"""Every way to fail in every mode, in a real run of one process: state, attempts, error, and its level."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.providers.cncf.kubernetes.utils.pod_manager import EMPTY_XCOM_RESULT

from gaiaflow.errors import GaiaflowError
from gaiaflow.operators.docker import DevDockerOperator
from gaiaflow.operators.kubernetes import DEFAULTS, PodOperator
from gaiaflow.operators.pod.start import WatchfulPodManager
from gaiaflow.project import Project
from gaiaflow.testing import RunResult, run_dag
from tests.failures import ways
from tests.failures.stand_in import Cluster, Engine, kubeconfig
from tests.failures.ways import MODES, WAYS, Refused, Seen, Way

RETRIES = 1
PARITY = Path(__file__).parents[1] / "samples" / "parity"
# A pod is waited for as long as a test can wait.
QUICK = {**DEFAULTS, "startup_timeout_seconds": 2, "startup_check_interval_seconds": 0.1}
PYPROJECT = '[project]\nname = "ways"\nversion = "1"\n\n[tool.gaiaflow]\nsource = "."\n'


class Runs:
    """One run of each mode with all of its ways.

    Attributes:
        attempts: by mode and task.
        logged: the level and the text, or the error, of each record of Airflow's log, by mode.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.found: dict[str, RunResult] = {}
        self.attempts: dict[str, Counter[str]] = {}
        self.logged: dict[str, list[tuple[str, str]]] = {}

    def of(self, mode: str) -> RunResult:
        if mode not in self.found:
            self.found[mode] = self._run(mode)
        return self.found[mode]

    def _run(self, mode: str) -> RunResult:
        (self.folder / "dags" / "file.py").write_text(ways.dag_file(mode, RETRIES))
        attempts = self.attempts[mode] = Counter()

        def count(task: str, state: str, _detail: str) -> None:
            attempts[task] += state == "started"

        project = Project.find(self.folder)
        with logging(self.logged.setdefault(mode, [])):
            return run_dag("ways", mode, project=project, retries=RETRIES, progress=count, home=self.home)


@contextmanager
def logging(found: list[tuple[str, str]]) -> Iterator[None]:
    """Keep the level and the text of each record of Airflow's log, of one about an error the error's."""

    def keep(_logger: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        found.append((level, str(sys.exc_info()[1] if event.get("exc_info") else event["event"])))
        return event

    processors = structlog.get_config()["processors"]
    processors.insert(0, keep)
    try:
        yield
    finally:
        processors.remove(keep)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, airflow_home: Path) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "dags").mkdir()
    (folder / "parity").symlink_to(PARITY / "parity")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    place = {"GAIAFLOW_NAMESPACE": "mine", "GAIAFLOW_KUBECONFIG": kubeconfig(folder), "PLAYS_THE_KERNEL": "1"}
    place |= {"GAIAFLOW_WAIT_FOR_ROOM": "0"}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in place.items()))
    before, path = dict(os.environ), list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        play(patch)
        yield Runs(folder, airflow_home)
    os.environ.clear()
    os.environ.update(before)
    sys.path[:] = path


def play(patch: pytest.MonkeyPatch) -> None:
    """Put the stand-ins where the operators ask the engine and the cluster."""
    engine, cluster = Engine(), Cluster()
    away = "tcp://127.0.0.1:9"
    real = property(lambda task: task.hook.api_client if task.docker_url == away else engine)
    patch.setattr(DevDockerOperator, "cli", real)
    patch.setattr(PodOperator, "client", cluster)
    patch.setattr(PodOperator, "hook", Hook(cluster))
    patch.setattr("gaiaflow.operators.kubernetes.DEFAULTS", QUICK)
    patch.setattr(WatchfulPodManager, "extract_xcom", lambda *_, **__: EMPTY_XCOM_RESULT)


class Hook:
    """The provider's hook, which knows the place and nothing else."""

    is_in_cluster = False

    def __init__(self, cluster: Cluster) -> None:
        self.get_pod = cluster.read_namespaced_pod

    def get_namespace(self) -> str:
        return "mine"

    def nothing(self) -> None: ...

    get_xcom_sidecar_container_image = get_xcom_sidecar_container_resources = nothing
    get_xcom_sidecar_container_security_context = nothing


@pytest.mark.parametrize(
    ("mode", "way", "cell"),
    [pytest.param(mode, *each, id=f"{mode}-{each[0].key}") for mode in MODES for each in ways.seen(mode)],
)
def test_a_task_that_fails(runs: Runs, mode: str, way: Way, cell: Seen) -> None:
    task = runs.of(mode).tasks[way.key]
    assert task.state == "failed"
    assert ways.fits(cell.error, str(task.error)), task.error
    assert runs.attempts[mode][way.key] == (1 + RETRIES if cell.again else 1)


@pytest.mark.parametrize("mode", MODES)
def test_the_level_of_an_error_in_airflows_log(runs: Runs, mode: str) -> None:
    """Each attempt ends with the error at its level."""
    runs.of(mode)
    for way, cell in ways.seen(mode):
        error = cell.error.removeprefix("AirflowTaskTimeout: ")
        levels = {level for level, text in runs.logged[mode] if ways.fits(f"{error}{ways.HOLE}", text)}
        assert ways.LEVEL in levels, way.name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", [way for way in WAYS if way.file], ids=lambda way: way.key)
def test_what_cannot_start(runs: Runs, mode: str, way: Way) -> None:
    cell = way.cell(mode)
    assert isinstance(cell, Refused)
    runs.of(mode)  # before its file goes
    (runs.folder / "dags" / "file.py").write_text(way.file)
    started: list[str] = []
    with pytest.raises(GaiaflowError) as caught:
        run_dag(
            "ways",
            mode,
            way.conf,
            project=Project.find(runs.folder),
            home=runs.home,
            progress=lambda task, *_: started.append(task),
        )
    said = caught.value.message.splitlines()[0].removeprefix("no DAG `ways`, and ")
    assert ways.fits(cell.error, said), said
    assert caught.value.exit_code == cell.code
    assert started == []
