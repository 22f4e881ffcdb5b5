"""The same DAG twice: once here, once from parity_yaml.yml through dag-factory."""

from airflow.sdk import DAG, Param, TaskGroup

from gaiaflow.dagfactory import load_yaml_dags
from gaiaflow.tasks import FromRun, FromTask, create_task

PARAMS = {"count": Param(3, type="integer"), "name": "$text ünïcödé {{ ds }}"}

with DAG("parity_python", schedule=None, params=PARAMS, default_args={"retries": 1}):
    create_task("numbers", "parity.functions:numbers", func_kwargs={"count": 3})
    with TaskGroup("inner"):
        create_task(
            "made",
            "parity.functions:takes_kwargs",
            func_kwargs={"list": [1, 2.5, None, True], "text": 'C:\\new "quoted" {{ ds }}'},
        )
    keyed = create_task(
        "keyed",
        "parity.functions:echo",
        func_args=[FromTask("inner.made", "text"), {"x": [FromTask("numbers")]}, 1],
    )
    squares = create_task(
        "squares", "parity.functions:squares", map_over={"tile": FromTask("numbers"), "offset": [10, 20]}
    )
    create_task("takes_params", "parity.functions:takes_params", func_kwargs={"scale": 2})
    create_task(
        "dated",
        "parity.dates:tile",
        func_kwargs={"day": FromRun("logical_date")},
        map_over={"number": [FromRun("params.count"), 7]},
    )
    last = create_task("last", "parity.functions:echo", func_args=["end"], trigger_rule="all_done")
    last << [squares, keyed]

load_yaml_dags(globals())
