"""One small project a backend, whose environments are made once; the tests start and stop its stack."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "integration")]

from evidence import Evidence, Suite  # noqa: E402
from full_runs import FULL, pytest_collection_modifyitems  # noqa: E402, F401 - a hook
from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: E402, F401 - hooks
from small_project import SmallProject  # noqa: E402

_suite = Suite("faults")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid.startswith("tests/faults/"):
        _suite.judge(report)


def pytest_sessionfinish() -> None:
    if _suite.passed or _suite.failed:
        _suite.keep()


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Takes what this test has to show; it counts when the test passes."""
    return Evidence(_suite, request.node.nodeid)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether all is to be tried, or as much as CI has time for."""
    return FULL


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    """On the embedded backend; between tests its stack is stopped."""
    found = SmallProject.make(tmp_path_factory.mktemp("faults") / "faulty")
    try:
        yield found
    finally:
        found.inv("dev.cleanup", "--yes")
        found.assert_nothing_left()


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    """The same project on the docker backend; between tests its stack is stopped."""
    from gaiaflow.infra.images.engine import engine_answers

    if not engine_answers():
        pytest.skip("no Docker engine answers")
    base = tmp_path_factory.mktemp("composed")
    base.chmod(0o755)
    found = SmallProject.make(base / "faulty")
    found.root.chmod(0o755)
    try:
        yield found
    finally:
        found.inv("dev.cleanup", "--yes")
        assert found.containers() == []
