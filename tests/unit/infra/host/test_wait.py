"""Waiting ends with the first true answer, or when the time is up."""

from __future__ import annotations

from gaiaflow.infra.host import wait


def test_the_first_true_answer_ends_it() -> None:
    answers = iter([0, "", 7, 8])
    assert wait.until(lambda: next(answers), 10, 0) == 7


def test_the_last_answer_is_told_when_the_time_is_up() -> None:
    asked: list[int] = []
    assert wait.until(lambda: asked.append(1), 0.02, 0.001) is None
    assert len(asked) > 1


def test_it_asks_once_without_any_time() -> None:
    assert wait.until(lambda: True, 0)
