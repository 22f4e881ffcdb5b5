"""One running stack a backend for all tests of this suite, and the notes of what held."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(_TESTS / "faults"), str(_TESTS / "integration")]

from evidence import Evidence, Suite  # noqa: E402
from small_project import SmallProject  # noqa: E402

_suite = Suite("security")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid.startswith("tests/security/"):
        _suite.judge(report)


def pytest_sessionfinish() -> None:
    if _suite.passed or _suite.failed:
        _suite.keep()


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Takes what this test has to show; it counts when the test passes."""
    return Evidence(_suite, request.node.nodeid)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    """Its stack runs, started under the widest umask that is usual."""
    before = os.umask(0o022)
    found = SmallProject.make(tmp_path_factory.mktemp("embedded") / "faulty")
    try:
        found.start()
        yield found
    finally:
        os.umask(before)
        found.inv("dev.cleanup", "--yes")
        found.assert_nothing_left()


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    """The same with containers, and with the Docker socket proxy."""
    from gaiaflow.infra.images.engine import engine_answers

    if not engine_answers():
        pytest.skip("no Docker engine answers")
    base = tmp_path_factory.mktemp("composed")
    base.chmod(0o755)
    found = SmallProject.make(base / "faulty")
    found.root.chmod(0o755)
    try:
        found.start("--with", "dev_docker", backend="docker")
        yield found
    finally:
        found.inv("dev.cleanup", "--yes")
        assert found.containers() == []


@pytest.fixture(scope="session", params=["embedded", "docker"])
def stack(request: pytest.FixtureRequest) -> SmallProject:
    """Each backend in turn, for what must hold on both."""
    found = request.getfixturevalue("embedded" if request.param == "embedded" else "composed")
    assert isinstance(found, SmallProject)
    return found
