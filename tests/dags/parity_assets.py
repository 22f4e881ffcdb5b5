"""Assets that tasks bring, with what their functions returned, and a DAG that they start."""

from airflow.sdk import DAG, Asset

from gaiaflow.tasks import FromRun, create_task

SCENES = Asset("parity_scenes")
TILES = Asset("parity_tiles")

with DAG("parity_assets", schedule=None):
    create_task("scene", "parity.functions:takes_kwargs", func_kwargs={"day": FromRun("ds")}, outlets=[SCENES])
    create_task("plain", "parity.functions:echo", func_args=[1], outlets=[SCENES])
    create_task(
        "tile", "parity.dates:named_tile", map_over={"number": [1, 2]}, outlets=[TILES], inlets=[SCENES]
    )

with DAG("parity_started_by_assets", schedule=SCENES | TILES):
    create_task("extra", "parity.functions:echo", func_args=[FromRun('asset("parity_scenes")', "day")])
