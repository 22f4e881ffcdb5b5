"""The date, the interval and the partition of a run, from the options of a command to Airflow's API."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from gaiaflow.dags import replay
from gaiaflow.dags.when import UNDATED, When, of_run, read_when

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-05-01", 0),
        ("2024-05-01T06:00", 6),
        ("2024-05-01 06:00:00.000", 6),
        ("2024-05-01T06:00Z", 6),
        ("2024-05-01T06:00:00+02:00", 4),
    ],
)
def test_a_date_is_in_utc_unless_it_names_a_zone(text: str, hour: int) -> None:
    assert read_when(date=text).date == datetime(2024, 5, 1, hour, tzinfo=UTC)


def test_an_interval_alone_begins_at_the_logical_date() -> None:
    when = read_when(interval="2024-05-01..2024-05-03", partition="north")
    assert when.as_dict() == {
        "logical_date": "2024-05-01T00:00:00+00:00",
        "data_interval_start": "2024-05-01T00:00:00+00:00",
        "data_interval_end": "2024-05-03T00:00:00+00:00",
        "partition_key": "north",
    }
    assert read_when("2024-05-02", "2024-05-01..2024-05-03").date == datetime(2024, 5, 2, tzinfo=UTC)


def test_without_options_a_run_has_no_date() -> None:
    assert read_when() == UNDATED
    assert not UNDATED
    assert UNDATED.as_dict() == {}


class Api:
    """An Airflow that knows one asset event."""

    def asset_events(self, *_: str) -> list[dict[str, Any]]:
        return [{"name": "scenes", "extra": {"path": "s3://a"}, "timestamp": "2024-05-01T00:00:00Z"}]


RUN = {
    "dag_run_id": "r",
    "run_type": "asset_triggered",
    "logical_date": "2024-05-01T00:00:00Z",
    "data_interval_start": "2024-05-01T00:00:00Z",
    "data_interval_end": "2024-05-02T00:00:00Z",
    "partition_key": "north",
}


def test_a_past_run_is_what_it_was_unless_it_is_given_another_date() -> None:
    api: Any = Api()
    facts = replay.facts(api, "flow", RUN)
    assert facts["asset_events"] == api.asset_events()
    assert of_run(facts) == When(
        datetime(2024, 5, 1, tzinfo=UTC),
        (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)),
        "north",
    )
    moved = of_run(replay.facts(api, "flow", RUN, read_when(date="2024-06-01")))
    assert moved == When(datetime(2024, 6, 1, tzinfo=UTC), None, "north")
