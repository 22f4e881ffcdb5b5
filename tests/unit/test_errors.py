"""Every error: written as the others are, and with a test that holds its whole text.

An error without one stands in errors_untested.txt. `PYTHONPATH=. python tests/unit/test_errors.py` writes that
file anew; a line that comes is to be answered for, a line that goes is a gain.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.error_catalogue import HOLE, Error, catalogue, template

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
SUITES = sorted(UNIT.rglob("test_error_texts.py"))
UNTESTED = Path(__file__).with_name("errors_untested.txt")
FOUND = catalogue()


def name(error: Error) -> str:
    return f"{error.module}: {' '.join(error.message.split())}"


@cache
def told() -> frozenset[str]:
    """All strings of all tests; holes of f-strings stay holes, and patterns lose their escapes."""
    strings = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant | ast.JoinedStr) and (text := _text(node).strip()):
                strings |= {text, re.sub(r"\\([^\w\s])", r"\1", text)}
    return frozenset(strings)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    return template(node) if isinstance(node, ast.JoinedStr) or isinstance(node.value, str) else ""


def is_told(error: Error) -> bool:
    """Whether a test holds the whole message, alone or as `inv` prints it."""
    parts = error.message.split(HOLE)
    whole = re.compile(
        f"(?:error: |task `.*?`: )?{'.*?'.join(map(re.escape, parts))}(?:\nhint: .*)?", re.DOTALL
    )
    longest = max(parts, key=len)
    return any(longest in text and whole.fullmatch(text) for text in told())


def untold() -> list[str]:
    return sorted({name(error) for error in FOUND if not is_told(error)})


def test_every_error_has_a_test_of_its_whole_text() -> None:
    known = UNTESTED.read_text(encoding="utf-8").splitlines()
    assert [line for line in untold() if line not in known] == [], "give each a test that holds its whole text"
    assert [line for line in known if line not in untold()] == [], f"tested by now: python {__file__}"


def wing(module: str) -> Path:
    """The folder of tests of a module: its wing, in `infra/` and `stack/` the folder inside of it."""
    parts = Path(module).parent.parts
    return Path(*parts[: 2 if parts[:1] in {("infra",), ("stack",)} else 1])


def raised_by(message: str) -> set[Path]:
    """The wings whose error this message is; of several patterns the one that says most."""
    matches = [
        (len(error.message.replace(HOLE, "")), wing(error.module))
        for error in FOUND
        if re.fullmatch(".*?".join(map(re.escape, error.message.split(HOLE))), message, re.DOTALL)
    ]
    most = max((length for length, _ in matches), default=0)
    return {folder for length, folder in matches if length == most and most >= 8}


@pytest.mark.parametrize("file", SUITES, ids=lambda file: str(file.parent.relative_to(UNIT)))
def test_a_case_is_in_the_suite_of_the_wing_that_raises_it(file: Path) -> None:
    calls = [
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    cases = [call for call in calls if ast.unparse(call.func) == "Case"]
    messages = [template(case.args[2]) for case in cases]
    assert messages
    folder = file.parent.relative_to(UNIT)
    elsewhere = {
        message: wings for message in messages if folder not in (wings := raised_by(message)) and wings
    }
    assert elsewhere == {}


@pytest.mark.parametrize("error", FOUND, ids=name)
def test_an_error_is_written_as_the_others(error: Error) -> None:
    first = error.message.removeprefix(HOLE)
    assert not re.match(r"[A-Z][a-z]+ [a-z]", first) or first.split()[0] in {"DAG", "Airflow", "MLflow"}, first
    assert not error.message.rstrip().endswith((".", "!")), "no full stop"
    assert "please" not in error.message.lower() + error.hint.lower()
    assert error.code in {1, 2, 3, 4}


if __name__ == "__main__":
    UNTESTED.write_text("".join(f"{line}\n" for line in untold()), encoding="utf-8")
