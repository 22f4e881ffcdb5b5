"""The model that the example registers, asked for a prediction over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from example_stack import opener

NAME = "co2-forecast"
REQUEST = {"dataframe_split": {"columns": ["month"], "data": [["2002-01"], ["2002-07"]]}}


def predict(url: str) -> list[float]:
    """What the model says about two months, in ppm."""
    data, kind = json.dumps(REQUEST).encode(), {"Content-Type": "application/json"}
    with opener.open(urllib.request.Request(f"{url}/invocations", data, kind), timeout=60) as response:
        return [row["co2"] for row in json.load(response)["predictions"]]


def assert_plausible(predictions: list[float]) -> None:
    """Mauna Loa measured 372.4 and 373.7 ppm in these months."""
    assert len(predictions) == 2
    assert all(368 < value < 378 for value in predictions)


def answers(url: str) -> bool:
    try:
        with opener.open(f"{url}/ping", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
