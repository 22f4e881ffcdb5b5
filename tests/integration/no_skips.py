"""A hook of pytest for the conftest of tests that CI may not skip."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every mode is called for, a test that was skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("GAIAFLOW_REQUIRE_MODES"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, and GAIAFLOW_REQUIRE_MODES allows none: {report.longrepr}"
        )
    return report
