"""A project with the layout of gaiaflow's earlier template, written anew: the same files, names and habits.

Its environment is in environment.yml, of which pyproject.toml repeats a part. Its functions read ``.env``,
which has the addresses and keys of the stack of that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

DAG = "earlier_example"
_FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "sea_ice"
version = "0.0.1"
requires-python = ">=3.10"
dependencies = ["six"]

[project.optional-dependencies]
dev = ["mlflow", "boto3", "python-dotenv"]

[tool.pytest.ini_options]
pythonpath = ["."]
""",
    ".env": """\
MLFLOW_SERVER_URI="http://mlflow:5000"
S3_ENDPOINT_URL=http://minio:9000
AWS_ACCESS_KEY_ID=minio
AWS_SECRET_ACCESS_KEY=minio123
""",
    ".gitignore": ".env\n__pycache__/\n",
    "README.md": "# Sea ice\n",
    "CHANGES.md": "# Changes\n",
    "mlops_manager.py": '"""Starts the services of the earlier stack."""\n',
    "minikube_manager.py": '"""Starts the cluster of the earlier stack."""\n',
    "docker-compose.yml": "services: {}\n",
    "kube_config_inline": "",
    "data/add_your_data_here": "",
    "notebooks/README.md": "# Notebooks\n",
    "tests/test_package.py": "def test_nothing():\n    pass\n",
    "sea_ice/__init__.py": """\
from .preprocess.example_preprocess import example_preprocess
from .train.example_train import example_train
""",
    "sea_ice/preprocess/__init__.py": "#\n",
    "sea_ice/preprocess/example_preprocess.py": """\
import os

import boto3
from dotenv import load_dotenv

load_dotenv()
BUCKET = "sea-ice-data"


def example_preprocess(dummy_arg):
    s3 = boto3.client(
        "s3",
        endpoint_url=os.getenv("S3_ENDPOINT_URL"),
        aws_access_key_id=os.getenv("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=os.getenv("AWS_SECRET_ACCESS_KEY"),
    )
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="processed.txt", Body=dummy_arg.encode())
    return {"preprocessed_path": "processed.txt", "bucket_name": BUCKET}
""",
    "sea_ice/train/__init__.py": "#\n",
    "sea_ice/train/example_train.py": """\
import os

import mlflow
from dotenv import load_dotenv

load_dotenv()


def example_train(preprocessed_path, bucket_name):
    mlflow.set_tracking_uri(os.getenv("MLFLOW_SERVER_URI"))
    mlflow.set_experiment("sea-ice")
    with mlflow.start_run() as run:
        mlflow.log_param("data_source", f"{bucket_name}/{preprocessed_path}")
    return {"run_id": run.info.run_id, "some_env": os.getenv("SOME_ENV")}
""",
    "dags/example_dag.py": f"""\
from datetime import datetime

from airflow import DAG
from airflow.utils.task_group import TaskGroup
from gaiaflow.core.create_task import create_task
from gaiaflow.core.operators import FromTask

MODE = "dev"

with DAG(
    dag_id="{DAG}",
    start_date=datetime(2025, 1, 1),
    schedule=None,
    catchup=False,
    tags=["create_task", MODE],
) as dag:
    with TaskGroup(group_id="Trainer", tooltip="Preprocess and train") as trainer:
        preprocess = create_task(
            task_id="preprocess_data",
            func_path="sea_ice:example_preprocess",
            func_kwargs={{"dummy_arg": "hello world"}},
            image="<your-image-name>",
            secrets=["my-minio-creds"],
            env_vars={{"SOME_ENV": "42"}},
            mode=MODE,
            dag=dag,
        )
        train = create_task(
            task_id="train",
            func_path="sea_ice:example_train",
            func_kwargs={{
                "preprocessed_path": FromTask(task="Trainer.preprocess_data", key="preprocessed_path"),
                "bucket_name": FromTask(task="Trainer.preprocess_data", key="bucket_name"),
            }},
            image="<your-image-name>",
            secrets=["my-minio-creds"],
            env_vars={{"SOME_ENV": "42"}},
            mode=MODE,
            dag=dag,
        )
        preprocess >> train
""",
}


def make(
    folder: Path,
    channel: str = "conda-forge",
    conda: Sequence[str] = ("python-dotenv", "mlflow", "boto3"),
    pip: Sequence[str] = (),
) -> Path:
    """The project in a folder of its own.

    Args:
        channel: of environment.yml, with what comes from there and what comes from the package index.
    """
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    lines = [f"name: sea_ice\nchannels:\n  - {channel}\ndependencies:\n  - python >=3.10\n"]
    lines += [f"  - {name}\n" for name in conda]
    lines += ["  - pip:\n", *(f"    - {name}\n" for name in pip)] if pip else []
    (folder / "environment.yml").write_text("".join(lines), encoding="utf-8")
    return folder


def texts(folder: Path) -> dict[str, bytes]:
    """Every file that the template made, as it is now."""
    return {name: (folder / name).read_bytes() for name in (*_FILES, "environment.yml")}
