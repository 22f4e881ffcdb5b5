"""The run of Airflow's example DAGs: which files it takes, and the table of what it saw."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "docs" / "hooks")]

import conformance  # noqa: E402
import examples  # noqa: E402
import providers  # noqa: E402

FILE = """
from airflow.providers.docker.operators.docker import DockerOperator
t3 = DockerOperator(image="centos:latest", command="/bin/sleep 30")
print_it = KubernetesPodOperator(image="quay.io/apache/bash", name="bash")
sidecar = KubernetesPodOperator(image="alpine:3.24.2", args=["perl"])
pod = "image: busybox:1.38.0"
command = task.kubernetes_cmd(image="bash:5.2", name="my-pod")
"""


def test_the_kept_states_are_of_these_dags() -> None:
    known = {name: provider.dag_ids for name, provider in providers.PROVIDERS.items()}
    for name, column in conformance.kept().items():
        assert set(column["dags"]) == set(known.get(name, examples.DAG_IDS))


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


def test_only_the_images_of_a_system_dag_are_replaced() -> None:
    text = providers.with_image(FILE, "mine:1")
    assert providers.with_image(FILE, "") == FILE
    assert text.count("mine:1") == 3
    assert text.replace("mine:1", "").split() == [
        word
        for word in FILE.replace("centos:latest", "")
        .replace("quay.io/apache/bash", "")
        .replace("busybox:1.38.0", "")
        .replace("bash:5.2", providers.BASH_IMAGE)
        .split()
        if word
    ]


def test_a_system_dag_comes_with_its_yaml_and_tests_common(tmp_path: Path) -> None:
    source, project = tmp_path / "source", tmp_path / "project"
    for folder in (source, project):
        folder.mkdir()
    for name in ("__init__.py", "example_docker.py", "spark.yaml", "README.md"):
        (source / name).write_text(FILE)
    providers.place(source, project, "mine:1")
    assert sorted(file.name for file in (project / "dags").iterdir()) == ["example_docker.py", "spark.yaml"]
    assert "mine:1" in (project / "dags" / "example_docker.py").read_text()
    assert "ONE_FAILED" in (project / "plugins" / "tests_common" / "test_utils" / "watcher.py").read_text()


def test_an_sdist_without_system_dags_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "download", lambda package, version, folder: folder)
    with pytest.raises(LookupError, match="providers-docker 1 has no folder tests/system/docker"):
        providers.copy(providers.PROVIDERS["docker-provider"], "1", tmp_path)


def test_the_page_has_a_row_for_each_system_dag(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = providers.PROVIDERS["docker-provider"]
    states = {name: {"state": "success", "failed": []} for name in provider.dag_ids}
    states["docker_swarm_dag"] = {"state": "failed", "failed": ["sleep_with_swarm"]}
    facts = {"apache-airflow": "3", provider.package: "4", "seconds": 9, "taken": "today", "machine": "Linux"}
    monkeypatch.setattr(conformance, "kept", lambda: {"docker-provider": {**facts, "dags": states}})
    page = conformance.providers()
    assert page.startswith(f"- `{provider.package}`: 3 of 4 succeeded in 9 s")
    assert "| `docker_swarm_dag` | **failed**: `sleep_with_swarm` | a Docker engine in swarm mode |" in page
    assert "| `docker_test` | success |  |" in page
    assert "| `example_kubernetes_job_operator` | not run |  |" in page
