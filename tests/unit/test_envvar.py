"""The table of variables against the code: no name is written out elsewhere, each row is of use."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from gaiaflow import envvar, runner
from gaiaflow.endpoints import MODEL, PORTS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
NAME = re.compile(r"GAIAFLOW_[A-Z0-9_]*")
WORD = re.compile(r"\bGAIAFLOW_\w+|\b(?:envvar|runner)\.\w+|from gaiaflow\.runner import \w+")
# They run where gaiaflow is not installed, or before it could be read; what projects get is theirs.
ALONE = {"runner.py", "inspection/debugger.py", "stack/embedded/launch.py"}
THEIRS = {"template", "example"}
CONSTANTS = {name: f"envvar.{word}" for word, name in vars(envvar).items() if isinstance(name, str)}
FUNCTIONS = {
    **{envvar.stack_image(target): "envvar.stack_image" for target in ("airflow", "services", "environment")},
    **{envvar.task_environment(mode): "envvar.task_environment" for mode in ("dev_docker", "prod_local")},
}
EVERY = {**envvar.SETTINGS, **envvar.TESTING, **envvar.INTERNAL}


def modules() -> list[Path]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [file for file in files if not THEIRS & set(file.relative_to(PACKAGE).parts)]


def test_no_module_writes_a_name_out() -> None:
    """In messages and docstrings a name stands among other words."""
    found = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.value}"
        for file in modules()
        if file.relative_to(PACKAGE).as_posix() not in ALONE | {"envvar.py"}
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value)
    ]
    assert found == []


def test_each_name_stands_in_one_row() -> None:
    assert len(EVERY) == len(envvar.SETTINGS) + len(envvar.TESTING) + len(envvar.INTERNAL)
    assert [name for name in EVERY if not NAME.fullmatch(name)] == []
    assert {entry.variable for entry in (*PORTS.values(), MODEL)} <= set(envvar.SETTINGS)


@cache
def text_of(part: str) -> str:
    """The source of a wing or a file of the package, or of the folder `compose`."""
    place = ROOT / part if part == "compose" else PACKAGE / part
    files = [f for f in place.rglob("*") if f.is_file() and f.suffix != ".pyc"] or [place.with_suffix(".py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("name", sorted(envvar.INTERNAL))
def test_the_parts_that_a_row_names_know_the_variable(name: str) -> None:
    row = envvar.INTERNAL[name]
    assert [part for part in (*row.writers, *row.readers) if not spellings(name) & words_of(part)] == []


@pytest.mark.parametrize("name", sorted({**envvar.SETTINGS, **envvar.TESTING}))
def test_something_reads_what_a_person_sets(name: str) -> None:
    files = [file for file in modules() if file.name != "envvar.py"]
    words = (
        words_in(*files, ROOT / "noxfile.py") | words_of("compose") | words_in(*(ROOT / "tests").rglob("*.py"))
    )
    computed = {entry.variable for entry in (*PORTS.values(), MODEL)}
    assert spellings(name) & words or name in computed


def spellings(name: str) -> set[str]:
    return {name, CONSTANTS.get(name, name), FUNCTIONS.get(name, name), *of_runner(name)}


@cache
def words_of(part: str) -> set[str]:
    """What a wing or a file of the package, or the folder `compose`, writes of variables."""
    place = ROOT / part if part == "compose" else PACKAGE / part
    return words_in(
        *(f for f in place.rglob("*") if f.is_file() and f.suffix != ".pyc"), place.with_suffix(".py")
    )


@cache
def words_in(*files: Path) -> set[str]:
    texts = (file.read_text(encoding="utf-8") for file in files if file.is_file())
    return {word for text in texts for word in WORD.findall(text)}


def of_runner(name: str) -> set[str]:
    """How a name is spelled that the runner defines."""
    own = in_runner().get(name) or in_runner().get(name.removesuffix("NAME"))
    return {f"runner.{own}", f"from gaiaflow.runner import {own}"} if own else set()


@cache
def in_runner() -> dict[str, str]:
    return {name: word for word, name in vars(runner).items() if isinstance(name, str) and NAME.fullmatch(name)}
