"""The table of the ways to fail: whole, and the page is what it makes."""

from __future__ import annotations

from tests.failures import ways
from tests.failures.ways import MODES, PAGE, WAYS, Never

# Those that the table must not lose.
ASKED_FOR = 25


def test_every_way_says_something_of_every_mode() -> None:
    assert len(WAYS) >= ASKED_FOR
    assert len({way.key for way in WAYS}) == len(WAYS)
    assert all(set(way.cells) == set(MODES) for way in WAYS)
    never = [way.cell(mode) for way in WAYS for mode in MODES if isinstance(way.cell(mode), Never)]
    assert all(isinstance(cell, Never) and cell.why for cell in never)


def test_the_page_has_the_table() -> None:
    assert ways.table() in PAGE.read_text(encoding="utf-8")


def test_a_hole_stands_for_anything_and_nothing_else_varies() -> None:
    assert ways.fits("no `…` at …", "no `image` at 1.2\n(3)")
    assert not ways.fits("no `…`", "no `image`, and more")


def test_an_error_with_backticks_is_whole_on_the_page() -> None:
    assert "`` `my_package.fails:leaves` exited with code 3 ``; tried again." in ways.table()
