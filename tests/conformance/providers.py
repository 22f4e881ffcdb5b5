"""The system DAGs of the providers for Docker and Kubernetes, out of their sdists, unedited but for images.

They import `tests_common`, which no sdist has: `get_test_run` runs a DAG under pytest, and `watcher` fails the
run if a task fails. Ours does the latter too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Provider:
    """The system DAGs of one provider.

    Attributes:
        package: its name on the package index.
        folder: where its sdist has them.
        needs: each DAG, with what it asks of the world outside; empty for nothing.
    """

    package: str
    folder: str
    needs: dict[str, str] = field(default_factory=dict)

    @property
    def dag_ids(self) -> tuple[str, ...]:
        return tuple(self.needs)


PROVIDERS = {
    "docker-provider": Provider(
        "apache-airflow-providers-docker",
        "tests/system/docker",
        {
            "docker_sample_copy_data": "a Docker engine at `tcp://localhost:2375`, and its folders",
            "docker_swarm_dag": "a Docker engine in swarm mode",
            "docker_taskflow": "a package index: `funcsigs` and `dill`",
            "docker_test": "",
        },
    ),
    "kubernetes-provider": Provider(
        "apache-airflow-providers-cncf-kubernetes",
        "tests/system/cncf/kubernetes",
        {
            "example_kubernetes_cmd_decorator": "",
            "example_kubernetes_decorator": "a kubeconfig at `/path/to/.kube/config`",
            "example_kubernetes_job_operator": "",
            "example_kubernetes_kueue_operators": "the internet: Kueue's manifests and images",
            "example_kubernetes_operator": "",
            "example_kubernetes_operator_async": "a namespace `kubernetes_task_async_log`: not a valid name",
            "example_kubernetes_pod_exec_operator": "",
            "example_kubernetes_resource_operator": "",
            "spark_pi": "the Spark operator, with its image",
        },
    ),
}
# What each image of the DAGs has to bring is in Debian's: a shell, Python, Perl.
IMAGES = re.compile(
    r"\b(centos:latest|ubuntu:[\d.]+|python:[\w.-]+|quay\.io/apache/bash|busybox:[\d.]+|perl:[\d.]+)"
)
# Of this one the DAGs use the entrypoint.
BASH = re.compile(r"\bbash:[\d.]+")
BASH_IMAGE = "gaiaflow-conformance/bash:1"
COMMON = {
    "tests_common/__init__.py": "",
    "tests_common/test_utils/__init__.py": "",
    "tests_common/test_utils/system_tests.py": "def get_test_run(dag, **_):\n    return lambda: None\n",
    "tests_common/test_utils/watcher.py": """\
from airflow.sdk import TriggerRule, task


@task(trigger_rule=TriggerRule.ONE_FAILED, retries=0)
def watcher():
    raise RuntimeError("a task of this run failed")
""",
}


def with_image(text: str, image: str) -> str:
    """A DAG file with each of its images replaced; unchanged without one."""
    return BASH.sub(BASH_IMAGE, IMAGES.sub(image, text)) if image else text


def build_bash(image: str) -> None:
    """Make the image whose entrypoint is bash from another one."""
    text = f'FROM {image}\nENTRYPOINT ["bash"]\n'
    subprocess.run(
        ["docker", "build", "--quiet", f"--tag={BASH_IMAGE}", "-"], input=text, text=True, check=True
    )


def download(package: str, version: str, folder: Path) -> Path:
    """Fetch and unpack the sdist of a version; its folder."""
    uv = (sys.executable, "-m", "uv", "tool", "run", "--quiet")
    pip = (*uv, "pip", "download", "--quiet", "--no-deps", f"--no-binary={package}")
    subprocess.run([*pip, f"--dest={folder}", f"{package}=={version}"], check=True, timeout=600)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def copy(provider: Provider, version: str, project: Path, image: str = "") -> None:
    """Put a provider's system DAGs and what they import into a project.

    Args:
        image: takes the place of every image that they name.

    Raises:
        LookupError: the sdist does not have them.
    """
    with tempfile.TemporaryDirectory() as name:
        source = download(provider.package, version, Path(name)) / provider.folder
        if not source.is_dir():
            raise LookupError(f"the sdist of {provider.package} {version} has no folder {provider.folder}")
        place(source, project, image)


def place(source: Path, project: Path, image: str) -> None:
    """Copy the DAG files with their YAML, and write our `tests_common`."""
    (project / "dags").mkdir()
    for file in sorted(source.iterdir()):
        if file.suffix == ".py" and file.name != "__init__.py":
            text = with_image(file.read_text(encoding="utf-8"), image)
            (project / "dags" / file.name).write_text(text, encoding="utf-8")
        elif file.suffix == ".yaml":
            shutil.copy(file, project / "dags")
    for name, text in COMMON.items():
        (project / "plugins" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "plugins" / name).write_text(text, encoding="utf-8")
