"""What of its run a function gets: typed by its annotations, refused where None is not allowed."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Optional, Union

import pytest

from gaiaflow import runner

NONE = type(None)
Day = Optional[date]  # noqa: UP045 - as people write it
Named = typing.NewType("Named", date)

ANNOTATIONS = [
    (date, [date]),
    ("date", [date]),
    ("'date'", [date]),
    ("dt.datetime", [dt.datetime]),
    ("dt.date|None", [date, NONE]),
    ("date | str | None", [date, str, NONE]),
    ("Optional[dt.datetime]", [dt.datetime, NONE]),
    ("typing.Optional['date']", [date, NONE]),
    ("Union[date, None, str]", [date, NONE, str]),
    ("typing.Annotated[date, 'x y']", [date]),
    ("Day", [date, NONE]),
    ("Named", [date]),
    ("list[date]", [list]),
    ("dict[str, int] | None", [dict, NONE]),
    (Optional[date], [date, NONE]),  # noqa: UP045
    (Optional["date"], [date, NONE]),
    (Union[date, str], [date, str]),  # noqa: UP007
    (typing.Annotated[date, 1], [date]),
    (typing.List[date], [list]),  # noqa: UP006
    (date | None, [date, NONE]),
    (Named, [date]),
    (None, [NONE]),
    (Any, [object]),
    ("Any", [object]),
    (typing.TypeVar("T"), [object]),
    ("Literal['a']", [object]),
    ("type_checkers_only.date | None", [date, NONE]),
    ("pandas.Timestamp", [object]),
    ("two words", [object]),
    ("date | Nowhere", [date, object]),
]


def test_an_annotation_that_is_no_name_is_not_run() -> None:
    ran: list[int] = []
    names = {"ran": ran, "Optional": typing.Optional}
    for text in ("ran.append(1)", "Optional[ran.append(1)]", "[ran.append(1)][0]", "ran.append(1) | None"):
        assert object in runner.allowed(text, names), text
    assert ran == []


@pytest.mark.parametrize(("annotation", "classes"), ANNOTATIONS, ids=lambda value: repr(value)[:40])
def test_an_annotation_allows_these_classes(annotation: Any, classes: list[Any]) -> None:
    assert runner.allowed(annotation, globals()) == classes


def by_day(day: date) -> Any:
    return day


def by_moment(moment: dt.datetime) -> Any:
    return moment


def optional(day: date | None, text: str = "") -> Any:
    return day, text


def by_default(day: date = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
    return day


def either(day: str | date) -> Any:
    return day


def several(*days: date, **more: date) -> Any:
    return [*days], more


def untyped(day) -> Any:  # type: ignore[no-untyped-def]
    return day


def placed(function: Callable[..., Any], value: Any, origin: str = "ds") -> Any:
    """The value of a function whose first argument is of the run."""
    args: list[Any] = [value]
    runner.place_run("pk:f", function, args, {}, {"args": {"0": origin}, "kwargs": {}})
    return function(*args)


UTC = dt.timezone.utc


@pytest.mark.parametrize(
    ("function", "text", "value"),
    [
        (by_day, "2024-05-01", date(2024, 5, 1)),
        (by_day, "2024-05-01T06:30:00+00:00", date(2024, 5, 1)),
        (by_moment, "2024-05-01T06:30:00+00:00", dt.datetime(2024, 5, 1, 6, 30, tzinfo=UTC)),
        (by_moment, "2024-05-01T06:30:00Z", dt.datetime(2024, 5, 1, 6, 30, tzinfo=UTC)),
        (by_moment, "2024-05-01", dt.datetime(2024, 5, 1, tzinfo=UTC)),
        (optional, "2024-05-01", (date(2024, 5, 1), "")),
        (optional, None, (None, "")),
        (by_default, None, None),
        (either, "2024-05-01", "2024-05-01"),
        (untyped, "2024-05-01", "2024-05-01"),
        (untyped, None, None),
        (several, "2024-05-01", ([date(2024, 5, 1)], {})),
        (by_day, 3, 3),
    ],
)
def test_a_value_of_the_run_arrives_as_the_annotation_says(
    function: Callable[..., Any], text: Any, value: Any
) -> None:
    found = placed(function, text)
    assert (type(found), found) == (type(value), value)


def test_keyword_arguments_are_typed_too() -> None:
    kwargs: dict[str, Any] = {"first": "2024-05-01", "second": "2024-05-02"}
    runner.place_run("pk:f", several, [], kwargs, {"kwargs": {"first": "ds"}})
    assert kwargs == {"first": date(2024, 5, 1), "second": "2024-05-02"}


@pytest.mark.parametrize(
    ("value", "origin", "said"),
    [
        (None, "logical_date", "this run has no logical date: `--date` gives it one"),
        (None, "data_interval_end", "this run has no logical date: `--date` gives it one"),
        (None, "partition_key", "this run has no partition key: `--partition` gives it one"),
        (None, "params.day", "`params.day` of this run is None"),
        (None, 'asset("scenes")', 'no event of asset("scenes") started this run'),
        ("soon", "params.day", "`params.day` of this run is not a date in ISO 8601"),
    ],
)
def test_what_does_not_fit_is_one_sentence(value: Any, origin: str, said: str) -> None:
    with pytest.raises(runner.Failure) as caught:
        placed(by_day, value, origin)
    assert str(caught.value) == f"pk:f takes `day: date`, but {said}"


MODULE = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from datetime import date

def f(day: date, *more: "Nowhere", last: date | None = None):
    return [type(day).__name__, more, last]
"""


def test_a_call_of_protocol_2_says_which_arguments_are_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "dated.py").write_text(MODULE)
    call = {
        "protocol": 2,
        "function": "dated:f",
        "args": ["2024-05-01", "2024-05-01"],
        "kwargs": {"last": None},
        "from_run": {"args": {"0": "ds", "1": "ds"}, "kwargs": {"last": "logical_date"}},
    }
    result = tmp_path / "result.json"
    env = {runner.CALL: json.dumps(call), runner.CODE: str(tmp_path), runner.RESULT_FILE: str(result)}
    subprocess.run([sys.executable, runner.__file__], env={**os.environ, **env}, check=True)
    assert json.loads(result.read_text()) == ["date", ["2024-05-01"], None]
