"""`dag.explain` answers with a table, and `--diff` with what differs; `--full` has everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from gaiaflow.lifecycle.dag import explain as explaining, inspector as inspecting

LIMITS = {"limits": {"cpu": "2", "memory": "8Gi"}}
DEV: dict[str, Any] = {
    "mode": "dev",
    "operator": "ExternalPythonOperator",
    "image": None,
    "environment": {"A": "1", "SAME": "yes"},
    "resources": {},
    "secrets": ["archive"],
    "ignored": [{"argument": "resources", "value": LIMITS, "why": "dev sets no limits"}],
    "spec": None,
}
PROD = DEV | {
    "mode": "prod",
    "operator": "KubernetesPodOperator",
    "image": "a:1",
    "environment": {"SAME": "yes", "LONG": "x" * 200},
    "resources": LIMITS,
    "ignored": [],
    "spec": {"kind": "Pod"},
    "kubernetes": "1.29 or newer",
}


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    monkeypatch.chdir(tmp_path)

    class Answers:
        def ask(self, _: str, modes: list[str | None], **__: Any) -> dict[str, Any]:
            tasks = {"dev": DEV, "prod": PROD}
            return {
                "explained": [
                    {"dag": "flow", "mode": mode, "tasks": {"train": tasks[mode or "dev"]}} for mode in modes
                ]
            }

    monkeypatch.setattr(inspecting, "inspector", lambda *_, **__: Answers())


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_row_for_each_task(answers: None, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(Context(), "flow", mode="dev")
    assert told(capsys) == [
        "task operator image resources secrets data ignored",
        "train ExternalPythonOperator - - archive - resources: dev sets no limits",
    ]
    explaining.explain(Context(), "flow", mode="prod")
    assert told(capsys)[1] == "train KubernetesPodOperator a:1 limits.cpu 2, limits.memory 8Gi archive - -"


def test_the_versions_of_kubernetes_are_one_line(answers: None, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(Context(), "flow", mode="prod")
    assert capsys.readouterr().err.startswith("the pods fit Kubernetes 1.29 or newer\n")
    explaining.explain(Context(), "flow", mode="dev")
    assert "Kubernetes" not in capsys.readouterr().err


def test_versions_that_differ_are_a_line_each() -> None:
    tasks = {"train": PROD, "score": PROD | {"kubernetes": "1.34 or newer (hostnameOverride)"}}
    assert explaining.fits(tasks) == [
        "the pod of train fits Kubernetes 1.29 or newer",
        "the pod of score fits Kubernetes 1.34 or newer (hostnameOverride)",
    ]


def test_full_has_the_whole_pod(answers: None, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(Context(), "flow", mode="prod", full=True)
    assert "kind: Pod" in told(capsys)


def test_diff_has_only_what_differs(answers: None, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(Context(), "flow", mode="dev", diff="prod")
    assert told(capsys) == [
        "task what dev prod",
        "train operator ExternalPythonOperator KubernetesPodOperator",
        "train environment.A 1 -",
        "train ignored resources -",
        "train image - a:1",
        f"train environment.LONG - {'x' * explaining.LONGEST}…",
        "train resources.limits.cpu - 2",
        "train resources.limits.memory - 8Gi",
    ]
    explaining.explain(Context(), "flow", mode="dev", diff="prod", full=True)
    assert "+ kind: Pod" in told(capsys)


def test_what_differs_in_every_task_has_one_row() -> None:
    first = {"a": DEV, "b": DEV | {"secrets": ["other"]}}
    other = {"a": PROD | {"environment": DEV["environment"]}, "b": PROD | {"environment": DEV["environment"]}}
    rows = explaining.differing(first, other)
    assert [row[:2] for row in rows if row[0] == explaining.EVERY] == [
        [explaining.EVERY, "operator"],
        [explaining.EVERY, "ignored"],
        [explaining.EVERY, "image"],
        [explaining.EVERY, "resources.limits.cpu"],
        [explaining.EVERY, "resources.limits.memory"],
    ]
    assert [row for row in rows if row[0] != explaining.EVERY] == [["b", "secrets", "other", "archive"]]


def test_variables_between_gaiaflow_s_own_processes_are_not_compared() -> None:
    one = DEV | {"environment": {"GAIAFLOW_CODE": "/a", "GAIAFLOW_DATA_TILES": "/tiles"}}
    two = DEV | {"environment": {"GAIAFLOW_CODE": "/b", "GAIAFLOW_DATA_TILES": "/data/tiles"}}
    assert explaining.differing({"a": one}, {"a": two}) == [
        ["a", "environment.GAIAFLOW_DATA_TILES", "/tiles", "/data/tiles"]
    ]


def test_two_modes_in_which_nothing_differs(answers: None, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(Context(), "flow", mode="dev", diff="dev")
    assert capsys.readouterr().err.strip() == "nothing differs between dev and dev"
