"""The versions that gaiaflow is tested with: what is outside, who says so, and the page with the results."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from gaiaflow import tested
from gaiaflow.doctor import docker, python
from gaiaflow.infra.cluster import preflight, version
from tests import compatibility

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "hooks"))

import compatibility as page  # noqa: E402

ROW = compatibility.row("1.37", "30.0.0-beta.24", "3.1.7", Counter(passed=3, failed=1), [])


@pytest.mark.parametrize(
    ("part", "found", "said"),
    [
        (tested.KUBERNETES, "v1.34.0", ""),
        (tested.KUBERNETES, "1.37", ""),
        (tested.KUBERNETES, "v1.36.2+k3s1", ""),
        (tested.KUBERNETES, "", ""),
        (tested.KUBERNETES, "unknown", ""),
        (
            tested.KUBERNETES,
            "v1.33.9",
            "Kubernetes 1.33 is outside of the versions that gaiaflow is tested with, 1.34 to 1.37",
        ),
        (
            tested.KUBERNETES,
            "2.0.0",
            "Kubernetes 2.0 is outside of the versions that gaiaflow is tested with, 1.34 to 1.37",
        ),
        (tested.ENGINE, "30.0.0-beta.24", ""),
        (tested.ENGINE, "20.10.24+dfsg1", ""),
        (
            tested.ENGINE,
            "31.0.1",
            "Docker engine 31.0 is outside of the versions that gaiaflow is tested with, 20.10 to 30.0",
        ),
        (
            tested.PYTHON,
            "3.15.0",
            "Python 3.15 is outside of the versions that gaiaflow is tested with, 3.10 to 3.14",
        ),
        (tested.AIRFLOW, "3.2.1", ""),
    ],
)
def test_what_is_outside_is_said(part: tested.Part, found: str, said: str) -> None:
    assert tested.outside(part, found) == said


def test_python_and_airflow_are_those_of_the_workflow_and_the_locks() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    pythons = [tested.minor(text) for text in re.findall(r'"(3\.\d+)"', workflow)]
    assert (min(filter(None, pythons)), max(filter(None, pythons))) == (
        tested.PYTHON.oldest,
        tested.PYTHON.newest,
    )
    locks = [
        tested.minor(file.stem.partition("-")[2]) for file in (ROOT / "tests" / "locks").glob("airflow-3*.in")
    ]
    assert sorted(filter(None, locks))[:: len(locks) - 1] == [tested.AIRFLOW.oldest, tested.AIRFLOW.newest]


def test_the_engine_of_the_doctor_is_the_oldest_that_is_tested() -> None:
    assert tested.ENGINE.oldest == docker.OLDEST_ENGINE
    assert tested.PYTHON.oldest == python.OLDEST


def test_the_doctor_warns() -> None:
    facts = docker.Facts(client=True, context="default", address="unix:///s", engine="31.0.1")
    told = docker.engine(facts)
    assert (told.state.value, told.said) == ("warning", tested.outside(tested.ENGINE, "31.0.1"))


@pytest.mark.parametrize(
    ("found", "wanted", "is_ours", "said"),
    [
        ("v1.34.4", "1.34", True, []),
        ("v1.34.4", "v1.34.9", True, []),
        ("v1.37.2", "", True, []),
        ("v1.37.2", "stable", True, []),
        (
            "v1.37.2",
            "1.34",
            True,
            [
                "the cluster is Kubernetes 1.37, not 1.34; a node keeps its version: "
                "inv prodlocal.cleanup, then inv prodlocal.start"
            ],
        ),
        ("v1.37.2", "1.34", False, ["the cluster is Kubernetes 1.37, not 1.34; choose another context"]),
        ("v1.29.0", "1.29", True, [tested.outside(tested.KUBERNETES, "1.29")]),
    ],
)
def test_a_start_says_what_is_to_be_known(found: str, wanted: str, is_ours: bool, said: list[str]) -> None:
    assert version.notes(found, wanted, is_ours) == said


def test_the_flag_comes_before_the_setting() -> None:
    assert preflight.kubernetes_version("v1.37.2", "1.34") == "v1.37.2"
    assert preflight.kubernetes_version("v1.37.2", "nonsense") == "v1.37.2"
    assert preflight.kubernetes_version("", "1.34") == "1.34"
    assert preflight.kubernetes_version("", "") == ""


def test_the_page_shows_what_ran_and_what_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**ROW, "kubernetes": "1.35"}
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([other, ROW]))
    monkeypatch.setattr(page, "RESULTS", file)
    lines = page.rows().splitlines()[2:]
    assert lines[0].startswith("| 30.0.0-beta.24 | 1.37 | 3.1.7 | ")
    assert "| integration, matrix, faults | 3 | 1 | 0 |" in lines[0]
    assert lines[1:4] == [
        f"| {engine} | {kubernetes} | | | not run | | | | |"
        for engine, kubernetes in (("30.0", "1.34"), ("20.10", "1.37"), ("20.10", "1.34"))
    ]
    assert "| 1.35 |" in lines[4]


def test_a_new_row_takes_the_place_of_the_same_one() -> None:
    again = {**ROW, "passed": 4, "date": "2030-01-01"}
    part = {**ROW, "tests": "`tests/integration/test_cluster.py`"}
    assert compatibility.merged([ROW, part], again) == [part, again]


def test_the_reports_are_counted(tmp_path: Path) -> None:
    cases = (
        "<testcase/><testcase><failure/></testcase><testcase><skipped/></testcase><testcase><error/></testcase>"
    )
    (tmp_path / "0.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    cells = [{"outcome": "passed"}, {"outcome": "skipped"}, {"outcome": "passed"}]
    (tmp_path / "dag_tests.json").write_text(json.dumps({"cells": cells}))
    (tmp_path / "dag_tests.xml").write_text("<testsuite><testcase/></testsuite>")
    assert compatibility.counted(tmp_path) == {"passed": 3, "failed": 2, "skipped": 2}
