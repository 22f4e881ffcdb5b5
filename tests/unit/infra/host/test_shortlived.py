"""A process of seconds looks for garbage seldom, and not at its end."""

from __future__ import annotations

import atexit
import gc

import pytest

from gaiaflow.infra.host import shortlived


def test_garbage_is_collected_less_often_and_not_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    before, at_end = gc.get_threshold(), []
    monkeypatch.setattr(atexit, "register", at_end.append)
    try:
        shortlived.spare_collections()
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold()[1:] == before[1:]
    finally:
        gc.set_threshold(*before)
    assert at_end == [gc.freeze]
