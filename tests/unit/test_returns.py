"""The keys that an annotation names, whatever stands there: no annotation breaks a DAG file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.returns import returned_keys

MODULE = """
from __future__ import annotations
import typing
from typing import Generic, TypedDict
import schemas
from schemas import Elsewhere

class Base(TypedDict):
    a: int

class Result(schemas.Result):
    b: int

class Own(Own):
    b: int

class Ping(Pong, TypedDict):
    b: int

class Pong(Ping):
    c: int

class Joined(Base, Elsewhere):
    b: int

class Whole(Base, Generic[T]):
    b: int

class Dotted(typing.TypedDict):
    d: int

def quoted() -> "Base": ...
def words() -> 'a dict of scores': ...
def nothing() -> '': ...
def deep() -> %r: ...
def of_another_module() -> Result: ...
def of_itself() -> Own: ...
def of_each_other() -> Ping: ...
def joined() -> Joined: ...
def whole() -> Whole: ...
def dotted() -> Dotted: ...
def number() -> float: ...
""" % ("(" * 10_000)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("quoted", {"a"}),
        ("words", None),
        ("nothing", None),
        ("deep", None),
        ("of_another_module", None),
        ("of_itself", None),
        ("of_each_other", None),
        ("joined", None),
        ("whole", {"a", "b"}),
        ("dotted", {"d"}),
        ("number", set()),
    ],
)
def test_the_keys_or_nothing_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, keys: set[str] | None
) -> None:
    (tmp_path / "typed.py").write_text(MODULE)
    monkeypatch.setenv("GAIAFLOW_CODE", str(tmp_path))
    assert returned_keys(f"typed:{name}") == keys


def test_a_module_that_nests_too_deep_is_left_to_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nested.py").write_text("def f() -> int: ...\n" + "x = " + "-" * 100_000 + "1\n")
    monkeypatch.setenv("GAIAFLOW_CODE", str(tmp_path))
    assert returned_keys("nested:f") is None
