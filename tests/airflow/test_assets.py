"""What a function returned is the extra of its assets' events, and what a run's assets give to FromRun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetAlias

from gaiaflow.operators.asset import schedule_of
from gaiaflow.project import Project
from gaiaflow.tasks import FromRun, create_task
from gaiaflow.testing import run_dag
from gaiaflow.testing.compare import differences

MATRIX = Path(__file__).parents[1] / "dags"
SCENES, TILES = Asset("scenes"), Asset("tiles")


def test_a_returned_dict_is_the_extra_of_the_events(project: Callable[..., Path], airflow_home: Path) -> None:
    assert project("")  # for what it takes back
    run = run_dag("parity_assets", "dev", project=Project.find(MATRIX), home=airflow_home, date="2024-05-01")
    assert run.assets == [
        ["plain", "parity_scenes", {}],
        ["scene", "parity_scenes", {"day": "2024-05-01", "params": {}}],
        ["tile", "parity_tiles", {"tile": "T1", "count": 1}],
        ["tile", "parity_tiles", {"tile": "T2", "count": 2}],
    ]
    other = type(run)(run.dag, run.state, run.tasks, run.edges, run.assets[1:])
    assert [line.partition(":")[0] for line in differences(run, other)] == ["assets"]


@pytest.mark.parametrize("mode", ["dev", "dev_docker", "prod_local", "prod"])
def test_the_operator_of_each_mode_tells_its_assets(mode: str) -> None:
    with DAG("flow", schedule=None):
        task = create_task(
            "a", "parity.functions:echo", mode=mode, image="a:1", outlets=[SCENES, AssetAlias("x")]
        )
    events = {SCENES: SimpleNamespace(extra={})}
    context = {"task": task, "outlet_events": events}
    assert task.hand_over(context, {"path": "s3://a"}) == {"path": "s3://a"}
    assert events[SCENES].extra == {"path": "s3://a"}
    assert task.hand_over(context, [1]) == [1]
    assert events[SCENES].extra == {"path": "s3://a"}


def event(name: str, hour: int, extra: dict[str, Any] | None) -> SimpleNamespace:
    return SimpleNamespace(asset=SimpleNamespace(name=name), timestamp=hour, extra=extra)


def test_the_extra_of_the_last_event_of_an_asset() -> None:
    events = [event("scenes", 2, {"path": "new"}), event("scenes", 1, {"path": "old"}), event("tiles", 3, None)]
    context = {"dag_run": SimpleNamespace(consumed_asset_events=events)}
    assert FromRun('asset("scenes")').resolve(context) == {"path": "new"}
    assert FromRun("asset('scenes')", "path").resolve(context) == "new"
    assert FromRun('asset("tiles")').resolve(context) == {}
    assert FromRun('asset("other")', "path").resolve(context) is None


@pytest.mark.parametrize(
    ("schedule", "names"),
    [
        ([SCENES, TILES], ["scenes", "tiles"]),
        (SCENES | (TILES & Asset("more")), ["more", "scenes", "tiles"]),
        ([Asset.ref(name="scenes")], ["scenes"]),
        ([Asset.ref(uri="s3://scenes")], None),
        ([SCENES, AssetAlias("any")], None),
        ("@daily", None),
        (None, None),
    ],
)
def test_the_assets_of_a_schedule(schedule: Any, names: list[str] | None) -> None:
    assert schedule_of(DAG("flow", schedule=schedule)) == names
