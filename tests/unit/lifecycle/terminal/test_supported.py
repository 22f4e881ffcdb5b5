"""Another Invoke than ours is one clear error, not a traceback of its private names."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.exceptions import Exit
from invoke.parser import parser
from invoke.program import Program

from gaiaflow.lifecycle.terminal import supported


def test_this_invoke_has_everything() -> None:
    assert supported.lacking() == []


@pytest.mark.parametrize(
    ("owner", "name"), [(Program, "parse_cleanup"), (parser, "ParseMachine"), (Program, "print_task_help")]
)
def test_an_invoke_without_a_part_is_refused(owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(owner, name)
    with pytest.raises(Exit) as caught:
        supported.check()
    part = "ParseMachine._class_states" if owner is parser else f"Program.{name}"
    assert caught.value.message == (
        f"error: the installed Invoke has no `{part}`, which gaiaflow needs\n"
        "hint: pip install 'invoke>=3.0.3,<3.1'"
    )
    assert caught.value.code == 3


def test_the_dependency_is_bounded() -> None:
    text = (Path(__file__).parents[4] / "pyproject.toml").read_text()
    assert '"invoke>=3.0.3,<3.1"' in text
