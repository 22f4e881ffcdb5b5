"""Hooks of pytest for the conftest of tests that CI may not skip."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

VARIABLE = "GAIAFLOW_REQUIRE_MODES"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every mode is called for, a test that was skipped has failed, unless it is marked `may_skip`.

    One that failed as it was expected to has run, although pytest calls its report skipped.
    """
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get(VARIABLE) and not item.get_closest_marker("may_skip"):
        _fail(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So has a file that skipped all of its tests before there was one: a package that is not installed."""
    report = yield
    if report.skipped and os.environ.get(VARIABLE):
        _fail(report, collector.nodeid)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport, name: str) -> None:
    report.outcome = "failed"
    report.longrepr = f"{name} was skipped, and {VARIABLE} allows none: {report.longrepr}"
