"""Pods that Airflow's triggerer watches, by the variable for all tasks."""

from __future__ import annotations

from typing import Any

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.tasks import create_task


def made(**kubernetes: Any) -> Any:
    return create_task("t", "pk.f:f", image="p/p:1", mode="prod", kubernetes=kubernetes)


@pytest.mark.parametrize(("word", "deferred"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_variable_decides_for_every_pod(monkeypatch: pytest.MonkeyPatch, word: str, deferred: bool) -> None:
    monkeypatch.setenv("GAIAFLOW_DEFERRABLE", word)
    assert made().deferrable is deferred


def test_a_task_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_DEFERRABLE", "1")
    assert made(deferrable=False).deferrable is False
    monkeypatch.setenv("GAIAFLOW_DEFERRABLE", "0")
    assert made(deferrable=True).deferrable is True


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_DEFERRABLE", "maybe")
    with pytest.raises(UsageError, match="the variable `GAIAFLOW_DEFERRABLE` is `maybe`, not 1 or 0"):
        made()
