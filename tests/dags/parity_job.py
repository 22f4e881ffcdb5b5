"""All calls of a map by one task: a Job in a cluster, a pool elsewhere; the values as of mapped tasks."""

from airflow.sdk import DAG

from gaiaflow.tasks import FromRun, FromTask, create_task

JOB = {"fan_out": "job"}

with DAG("parity_job", schedule=None):
    create_task("numbers", "parity.functions:numbers", func_kwargs={"count": 3})
    create_task("mapped", "parity.functions:squares", map_over={"tile": [3, 1, 2]})
    create_task("squares", "parity.functions:squares", map_over={"tile": [3, 1, 2]}, kubernetes=JOB)
    create_task(
        "from_task",
        "parity.functions:squares",
        func_kwargs={"offset": 1},
        map_over={"tile": FromTask("numbers")},
        kubernetes=JOB,
    )
    create_task(
        "crossed", "parity.functions:squares", map_over={"tile": [1, 2], "offset": [10, 20]}, kubernetes=JOB
    )
    create_task(
        "dated",
        "parity.functions:echo_value",
        map_over={"value": [FromRun("dag_id"), None, {"a": 1}]},
        kubernetes=JOB,
    )
    create_task("gathered", "parity.functions:echo", func_args=[FromTask("squares"), FromTask("mapped")])
    create_task("again", "parity.functions:squares", map_over={"tile": FromTask("from_task")}, kubernetes=JOB)
    create_task(
        "none_at_all", "parity.functions:squares", map_over={"tile": FromTask("nothing")}, kubernetes=JOB
    )
    create_task("nothing", "parity.functions:numbers", func_kwargs={"count": 0})
