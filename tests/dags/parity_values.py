"""Arguments and values of every kind, there and back."""

import sys
from pathlib import Path

from airflow.sdk import DAG

from gaiaflow.tasks import FromTask, create_task

sys.path.append(str(Path(__file__).parents[1] / "samples" / "parity"))
from parity.values import SAME

# Airflow's own wire takes integers of 64 bits; what lies beyond is checked without Airflow.
SMALL = {name: value for name, value in SAME.items() if name != "kib_90"}

with DAG("parity_values", schedule=None):
    create_task("positional", "parity.functions:echo", func_args=list(SMALL.values()))
    create_task("kinds", "parity.functions:kinds", func_args=list(SMALL.values()))
    create_task("named", "parity.functions:takes_kwargs", func_kwargs=SMALL)
    create_task("again", "parity.functions:echo", func_args=[{"deep": [FromTask("positional")]}])
    create_task("kib_90", "parity.functions:measures", func_args=[SAME["kib_90"]])
    create_task("empty", "parity.functions:echo")
