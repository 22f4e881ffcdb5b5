"""Which DAGs the assets of a run started, and how long that is waited for."""

from __future__ import annotations

from typing import Any

import pytest

from gaiaflow.dags import assets
from gaiaflow.dags.assets import Brought


class Api:
    """An Airflow whose scheduler starts `mosaic` at the third look; `report` waits for two assets."""

    def __init__(self, start_at: int = 3) -> None:
        self.looks, self.start_at = 0, start_at

    def brought_events(self, *_: str) -> list[dict[str, Any]]:
        self.looks += 1
        started = [{"dag_id": "mosaic", "run_id": "asset_triggered__1"}] if self.looks >= self.start_at else []
        return [
            {"name": "scenes", "asset_id": 1, "created_dagruns": []},
            {"name": "scenes", "asset_id": 1, "created_dagruns": started},
            {"name": "logs", "asset_id": 2, "created_dagruns": []},
        ]

    def dags_of_asset(self, asset_id: int) -> list[str]:
        return ["mosaic", "off", "report"] if asset_id == 1 else []

    def dag(self, dag: str) -> dict[str, Any]:
        return {"is_paused": dag == "off"}

    def asset_expression(self, dag: str) -> dict[str, Any]:
        return {"all": [{}, {}]} if dag == "report" else {"all": [{}]}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "POLL", 0.01)


def test_it_waits_for_the_dags_that_an_asset_alone_starts() -> None:
    api: Any = Api()
    found = assets.brought(api, "fetch", "r")
    assert api.looks == 3
    assert found == [
        Brought("scenes", [("mosaic", "asset_triggered__1")], ["off"], ["report"]),
        Brought("logs"),
    ]
    assert [line for one in found for line in one.lines()] == [
        "asset `scenes` started DAG `mosaic`: run asset_triggered__1",
        "asset `scenes`: DAG `off` is paused and was not started",
        "asset `scenes`: DAG `report` waits, for other assets too",
        "asset `logs` starts no DAG",
    ]
    assert found[0].as_dict() == {
        "asset": "scenes",
        "started": [{"dag": "mosaic", "run_id": "asset_triggered__1"}],
        "paused": ["off"],
        "waiting": ["report"],
    }


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "PATIENCE", 0.05)
    api: Any = Api(start_at=10**9)
    assert assets.brought(api, "fetch", "r")[0].waiting == ["mosaic", "report"]
