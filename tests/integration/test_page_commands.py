"""Commands of the pages, as they stand there: `here` of tests/pages_run.toml says which, and where they run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import page_shell
import pytest
from example_stack import Running, copy_example
from page_shell import Shell

from tests import pages

LINES = pages.read_table().here
PRINTED = pages.printed()
ROOT = pages.ROOT
NEW = [
    ("The project's name", ""),
    ("The Python package", ""),
    ("The author's name", ""),
    ("Include the example", ""),
    ("Environment manager", ""),
]
# What a line asks on a terminal, and what a person types then.
ANSWERS = {
    "gaiaflow secret.delete archive --mode dev": [("remove the secret `archive`", "y")],
    "gaiaflow dev.cleanup": [("remove", "y")],
    "gaiaflow dag.replay co2_forecast modelling.train latest --stack --pdb": [],
    "gaiaflow project.new ~/my-project": NEW,
    "gaiaflow project.new forecasts --examples yes": [one for one in NEW if "example" not in one[0]],
}
# Commands whose code says what this machine has, or what production lacks.
CODES = dict.fromkeys(("doctor", "prod.check"), (0, 1, 3))
ENDLESS = ("gaiaflow dev.logs --service mlflow --lines 100 --follow",)
RUN_ID = re.compile(r"manual__2026\S+")
FISH = "fish | source"
PROCESS = "def process(tile):\n    return tile\n"


def run(shell: Shell, line: str) -> str:
    """What a line shows, in the way in which a person runs it."""
    if FISH in line and not shutil.which("fish"):
        pytest.skip("`fish` is not on PATH")
    if line in ENDLESS:
        return shell.watch(line)
    if line in ANSWERS:
        return shell.answer(line, ANSWERS[line])
    return shell.run(line, CODES.get(line.split()[1], (0,)))


def check(line: str, told: str) -> None:
    """A line prints no traceback, and prints what its page says that it prints; numbers are others."""
    assert "Traceback" not in told or "logs" in line  # a service may have logged one
    cells = re.split(r"\s{2,}", masked(PRINTED.get(line, "")))
    assert [cell for cell in cells if cell not in masked(told)] == [], told


def masked(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", text)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> Shell:
    """A copy of the example, with what its pages let the reader have."""
    root = copy_example(tmp_path_factory.mktemp("pages") / "example")
    (root / "archive.env").write_text("TOKEN=s3cr3t\n")
    return page_shell.make(root, programs / "example")


def lines(place: str) -> list[Any]:
    """The lines of a place; few machines have fish."""
    few = pytest.mark.may_skip
    return [pytest.param(line, marks=few) if FISH in line else line for line in LINES[place]]


@pytest.mark.full
@pytest.mark.parametrize("line", lines("example"))
def test_it_runs_in_the_example(example: Shell, line: str) -> None:
    check(line, run(example, line))


def blocks(page: str) -> dict[str, str]:
    """The files of a page: each block of Python that begins with the name of its file."""
    found = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", pages.texts()[page], re.DOTALL)
    return {name: f"# {name}\n{text}" for name, text in found}


@pytest.fixture(scope="module")
def started(stack: Running, programs: Path) -> Iterator[Shell]:
    """The example with its stack, and with the DAGs of the pages in it."""
    first = re.search(r"```python\n(.*?)```", pages.texts()["docs/how-to/dates.md"], re.DOTALL)
    assert first
    files = {**blocks("docs/how-to/dates.md"), **blocks("docs/tutorial.md")}
    files |= {"dags/scenes.py": first[1], "my_package/tiles.py": PROCESS}
    for name, text in files.items():
        (stack.root / name).parent.mkdir(parents=True, exist_ok=True)
        (stack.root / name).write_text(text)
    yield page_shell.make(stack.root, programs / "stack", **page_shell.free_ports())
    for name in files:
        (stack.root / name).unlink()
    stack.inv("model.stop")
    stack.start("--auto-ports", "--wait", "400")


@pytest.mark.stack
@pytest.mark.full
@pytest.mark.parametrize("line", LINES["stack"])
def test_it_runs_beside_the_stack(stack: Running, started: Shell, line: str) -> None:
    if RUN_ID.search(line):
        drawn = json.loads(started.run("gaiaflow dag.graph co2_forecast --json 2>/dev/null"))
        line = RUN_ID.sub(str(drawn["run"]), line)
    check(line, run(started, line.replace(" TASK ", " modelling.train ")))


@pytest.fixture
def home(tmp_path: Path) -> Shell:
    """A reader's shell in an empty home."""
    (tmp_path / "home").mkdir()
    return page_shell.make(tmp_path / "home", tmp_path / "bin", HOME=str(tmp_path / "home"))


@pytest.mark.parametrize("line", LINES["asked"])
def test_a_new_project_asks_and_takes_the_usual_answers(home: Shell, line: str) -> None:
    assert "made 4" in run(home, line)
    (made,) = home.folder.glob("[a-z]*")
    assert (made / "dags" / f"{made.name.replace('-', '_')}.py").is_file()


def test_a_new_project_is_committed_and_up_to_date(home: Shell) -> None:
    assert "up to date" in home.run("\n".join(LINES["new"]))


def test_a_project_that_exists_is_adopted(home: Shell) -> None:
    old = home.folder / "my-old-project"
    old.mkdir()
    (old / "pyproject.toml").write_text('[project]\nname = "old"\nversion = "1"\n')
    home.answer("\n".join(LINES["old"]), [("add what is needed", "y"), ("add what is offered", "y")])
    assert (old / "tasks.py").is_file()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone to clone: no `.git`")
def test_copier_makes_the_same_project(home: Shell) -> None:
    shell = Shell(home.folder, {**home.variables, **page_shell.from_here()})
    shell.answer("\n".join(LINES["copier"]), NEW)
    assert (home.folder / "my-project" / "dags" / "my_project.py").is_file()
