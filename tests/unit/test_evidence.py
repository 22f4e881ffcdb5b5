"""The tables of what was tried: a row comes with a test that passes and goes with one that fails."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.error_catalogue import HOLE, template

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "faults"))

import evidence  # noqa: E402

DOCUMENTS = {suite: place.read_text(encoding="utf-8") for suite, place in evidence.DOCUMENTS.items()}
ROW = re.compile(r"\| (.+?) \| (.+?) \| (.+?) \| (`tests/.+?`) \|")


def rows() -> list[tuple[str, str]]:
    """What was tried, and the name of a test that carries it."""
    found = []
    for suite, text in DOCUMENTS.items():
        table = text.partition(f"<!-- {suite} -->")[2].partition(f"<!-- end of {suite} -->")[0]
        lines = table.strip().splitlines()[2:]
        matches = [ROW.fullmatch(line) for line in lines]
        assert lines
        assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
        found += [(m[2], name) for m in matches if m for name in re.findall(r"`(tests/[^`]+)`", m[4])]
    return found


def functions(file: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def notes(file: Path) -> list[re.Pattern[str]]:
    """What the calls of `evidence.add` in a file say was tried."""
    calls = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    texts = [template(call.args[1]) for call in calls if ast.unparse(call.func) == "evidence.add"]
    return [re.compile(".*?".join(map(re.escape, text.split(HOLE)))) for text in texts]


@pytest.mark.parametrize(("tried", "test"), rows())
def test_a_row_names_the_test_that_carries_it(tried: str, test: str) -> None:
    name, _, function = test.partition("::")
    assert function.partition("[")[0] in functions(ROOT / name)
    assert any(pattern.fullmatch(tried) for pattern in notes(ROOT / name)), f"{name} does not try: {tried}"


@pytest.mark.parametrize("suite", DOCUMENTS)
def test_every_claim_names_tests_that_are_there(suite: str) -> None:
    text = DOCUMENTS[suite]
    tables = re.findall(r"^\|(?!---|\s*(?:part|who|what) \|).+$", text, re.MULTILINE)
    assert [line for line in tables if "`tests/" not in line] == []
    for name, function in re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?", text):
        assert (ROOT / name).is_file(), name
        assert not function or function in functions(ROOT / name), f"{name}::{function}"


def report(test: str, outcome: str, when: str = "call") -> Any:
    kinds = {name: outcome == name for name in ("passed", "failed", "skipped")}
    return SimpleNamespace(nodeid=test, when=when, outcome=outcome, **kinds)


def run(outcomes: dict[str, str], tried: str = "one", **teardown: str) -> list[tuple[str, str]]:
    """A run in which each of these tests notes a row; the rows that are kept after it."""
    suite = evidence.Suite("faults")
    for test, outcome in outcomes.items():
        evidence.Evidence(suite, test).add("part", tried, "held")
        suite.judge(report(test, outcome))
        suite.judge(report(test, teardown.get(test, "passed"), "teardown"))
    suite.keep()
    kept = json.loads((evidence.KEPT / "faults.json").read_text())
    return [(row["test"], row["tried"]) for row in kept]


def test_a_row_stays_as_long_as_its_test_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "KEPT", tmp_path)
    assert run({"a": "passed", "b": "passed"}, "12 moments") == [("a", "12 moments"), ("b", "12 moments")]
    assert run({"a": "passed"}, "4 moments") == [("b", "12 moments"), ("a", "4 moments")]
    assert run({"a": "failed"}) == [("b", "12 moments")]
    assert run({"b": "skipped"}) == [("b", "12 moments")]
    assert run({"b": "passed"}, b="failed") == []


def test_rows_that_name_no_test_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "KEPT", tmp_path)
    (tmp_path / "faults.json").write_text('[{"part": "a", "tried": "b", "held": "c"}]')
    assert run({"a": "passed"}) == [("a", "one")]


def test_tests_that_show_the_same_share_a_line() -> None:
    rows = [{"part": "a", "tried": "b", "held": "c|d", "test": test} for test in ("x", "y")]
    assert evidence.table(rows).splitlines()[2:] == ["| a | b | c\\|d | `x`, `y` |"]
