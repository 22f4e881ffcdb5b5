"""An argument near the largest that a task takes, and a result of 1 MiB."""

import sys
from pathlib import Path

from airflow.sdk import DAG

from gaiaflow.tasks import create_task

sys.path.append(str(Path(__file__).parents[1] / "samples" / "parity"))
from parity.values import LARGE

with DAG("parity_large", schedule=None):
    create_task("argument", "parity.functions:measures", func_args=[LARGE["mib_1"]])
    create_task("result", "parity.functions:returns_big", func_args=[1024])
