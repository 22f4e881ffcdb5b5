"""What a function takes of its run: dates as its annotations want them, ids, params."""

from airflow.sdk import DAG

from gaiaflow.tasks import FromRun, FromTask, create_task

INTERVAL = {"start": FromRun("data_interval_start"), "end": FromRun("data_interval_end")}
IDS = ("dag_id", "task_id", "try_number", "map_index")

with DAG("parity_run", schedule=None, params={"day": "2020-02-29", "tiles": {"north": "T33UVP"}}):
    create_task("window", "parity.dates:window", func_kwargs={**INTERVAL, "day": FromRun("logical_date")})
    create_task("text", "parity.dates:text", func_args=[FromRun("ds"), FromRun("logical_date"), FromRun("ds")])
    create_task("missing", "parity.dates:maybe", func_args=[None, FromRun("partition_key"), FromRun("ds")])
    create_task(
        "nested", "parity.functions:echo", func_args=[{"in": [INTERVAL, FromRun("params.tiles", "north")]}]
    )
    create_task("ids", "parity.functions:echo", func_args=[FromRun(name) for name in IDS])
    create_task("kinds", "parity.functions:kinds", func_args=[FromRun("run_id"), *map(FromRun, IDS)])
    create_task(
        "mapped",
        "parity.dates:tile",
        map_over={"number": [1, 2], "day": [FromRun("ds"), FromRun("params.day")]},
    )
    create_task("after", "parity.functions:echo", func_args=[FromTask("mapped"), FromRun("ds")])
    create_task("unknown", "parity.dates:unknown_type", func_args=[FromRun("ds")])
