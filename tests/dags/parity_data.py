"""A folder of data by its name: every mode reads the same bytes."""

from airflow.sdk import DAG

from gaiaflow.tasks import create_task

with DAG("parity_data", schedule=None):
    create_task("digests", "parity.folder:digests", data=["tiles"])
    create_task(
        "first_bytes",
        "parity.folder:first_bytes",
        func_kwargs={"count": 4},
        map_over={"name": ["b04.bin", "empty"]},
        data=["tiles"],
    )
