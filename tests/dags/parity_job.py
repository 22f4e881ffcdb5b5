"""All calls of a map by one task: a Job in a cluster, a pool elsewhere; the values as of mapped tasks."""

from airflow.sdk import DAG

from gaiaflow.tasks import FromRun, FromTask, create_task

JOB = {"fan_out": "job"}

with DAG("parity_job", schedule=None):
    create_task("numbers", "parity.functions:numbers", func_kwargs={"count": 3})
    create_task(
        "squares",
        "parity.functions:squares",
        func_kwargs={"offset": 1},
        map_over={"tile": FromTask("numbers")},
        kubernetes=JOB,
    )
    create_task(
        "crossed",
        "parity.functions:takes_kwargs",
        map_over={"tile": [2, 1], "told": [FromRun("dag_id"), None]},
        kubernetes=JOB,
    )
    create_task(
        "gathered", "parity.functions:echo", func_args=[FromTask("squares"), FromTask("crossed", "tile")]
    )
