"""Lengths of time as people write them."""

import pytest

from gaiaflow.duration import seconds, spoken


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("0", 0), (0, 0)]
)
def test_a_length_of_time_in_seconds(text: object, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1.5h", "h", "-1h", "an hour", 60, None])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="is not a length of time as 90s, 30m or 1h"):
        seconds(text)


def test_as_it_is_told() -> None:
    assert [spoken(n) for n in (0, 90, 1800, 3600, 5400)] == ["0 s", "90 s", "30 min", "1 h", "90 min"]
