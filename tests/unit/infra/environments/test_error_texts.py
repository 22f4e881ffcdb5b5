"""The whole texts of the errors of the programs that make environments."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.infra.environments import environment, uv
from gaiaflow.project import Project
from tests.error_case import Case, hold, text_of

CASES = [
    Case(
        lambda p: uv.run(p, "--version"),
        1,
        "uv is not in this environment: no file `uv`",
        "make setup",
    ),
    Case(
        lambda p: environment.ensure_environment(p, "airflwo"),
        2,
        "unknown environment `airflwo`",
        "one of airflow, services, project, jupyter, conda",
    ),
]


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    def no_uv() -> None:
        raise FileNotFoundError("no file `uv`")

    monkeypatch.setitem(sys.modules, "uv", cast(Any, SimpleNamespace(find_uv_bin=no_uv)))
    return project


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
