"""The commands of the pages: each line of their blocks for a shell, and which test runs it.

A line is *normalised*: without comment, prompt and `.venv/bin/`, `inv` as `gaiaflow`, one space between words.
`pages_run.toml` says of each distinct one which test runs it, or why none does.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "pages_run.toml"
FILES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "gaiaflow/template/README.md.jinja",
    ROOT / "gaiaflow/template/AGENTS.md.jinja",
)
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELLS = ("bash", "console", "sh")
# A call ends at a pipe, a bracket and the backtick of prose, but not inside quotes.
CALL = re.compile(r"""(?<![\w./-])(?:inv|gaiaflow) (?:'[^']*'|"[^"]*"|[^|`#;)'"])+""")
# The columns of the commands of earlier programs.
EARLIER = re.compile(r"^\| `(?:gaiaflow|python|cookiecutter) [^|]*\||^\|[^|]*`-[^|]*\|", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """One command line as a page has it.

    Attributes:
        page: from the root of the repository.
        text: normalised.
    """

    page: str
    text: str


@dataclass(frozen=True)
class Table:
    """What `pages_run.toml` says.

    Attributes:
        pages: parts of pages that one test runs in the page's order: page, test, headings `first` and `until`.
        here: the lines that `tests/integration/test_page_commands.py` runs, by the place where it runs them.
        dry: of a reason, the lines that only run with ``--dry``.
        tests: of a test, the lines that it runs in its own words.
        not_run: of a reason, the lines that no test runs.
    """

    pages: list[dict[str, str]]
    here: dict[str, list[str]]
    dry: dict[str, list[str]]
    tests: dict[str, list[str]]
    not_run: dict[str, list[str]]

    def covered(self) -> list[tuple[str, str]]:
        """Each line that the lists name, with what it is named for."""
        groups = (self.here, self.dry, self.tests, self.not_run)
        return [(line, name) for group in groups for name, lines in group.items() for line in lines]

    def test_ids(self) -> list[str]:
        return [*(part["test"] for part in self.pages), *self.tests]


def read_table() -> Table:
    return Table(**tomllib.loads(TABLE.read_text(encoding="utf-8")))


@cache
def texts() -> dict[str, str]:
    """The pages; those of the template with all that its answers can bring."""
    read = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in FILES}
    return {name: _rendered(text) if name.endswith(".jinja") else text for name, text in read.items()}


def _rendered(text: str) -> str:
    return re.sub(r"\{%.*?%\}", "", text).replace("{{ package }}", "co2_forecast")


@cache
def lines() -> tuple[Line, ...]:
    """Every command line of every page."""
    return tuple(Line(page, line) for page, text in texts().items() for line in commands(text))


def of_part(page: str, first: str = "", until: str = "", **_: str) -> list[str]:
    """The lines of a page, from a heading on and before another."""
    text = f"\n{texts()[page]}\n"
    for heading in filter(None, (first, until)):
        assert f"\n{heading}\n" in text, f"{page} has no heading `{heading}`"
    begun = text.partition(f"\n{first}\n")[2] if first else text
    return list(commands(begun.partition(f"\n{until}\n")[0] if until else begun))


def commands(text: str) -> Iterator[str]:
    """The lines that a reader types, normalised."""
    for _, language, block in BLOCK.findall(text):
        if language in SHELLS:
            for line in block.replace("\\\n", " ").splitlines():
                if language != "console" or line.lstrip().startswith("$ "):
                    yield from filter(None, [normalised(line)])


def printed() -> dict[str, str]:
    """Of each line that a page shows with what it prints: the first line of that."""
    blocks = [block for text in texts().values() for _, name, block in BLOCK.findall(text) if name == "console"]
    found = [re.findall(r"^\$ (.*)\n(?!\$)(.+)$", block, re.MULTILINE) for block in blocks]
    return {normalised(line): shown for pairs in found for line, shown in pairs}


def normalised(line: str) -> str:
    """``gaiaflow dev start`` of ``$ .venv/bin/inv  dev start   # the stack``."""
    words = re.sub(r"(?:^|\s+)# .*", "", line).strip().removeprefix("$ ")
    words = re.sub(r"^\.venv/bin/|(?<=&& )\.venv/bin/", "", words)
    return re.sub(r"\s+", " ", re.sub(r"(?<![\w./-])inv ", "gaiaflow ", words))


def calls(text: str) -> list[list[str]]:
    """The words of every `inv …` and `gaiaflow …` of a page, in blocks and backticks, without the program."""
    text = EARLIER.sub("", text)
    blocks = re.findall(r"```(?:bash|console|text|sh)[^\n]*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    rows = [line for block in blocks for line in block.splitlines()]
    found = [m[0] for row in (*rows, *inline) for m in CALL.finditer(re.sub(r"\s# .*", "", row))]
    return [words for call in found if (words := _words(call))]


def _words(call: str) -> list[str]:
    """A hint names several calls, a usage its options, and the end of a start says what a call does."""
    alone = re.split(r", or |, and |,$|  | signs in ", call)[0]
    return [word for word in shlex.split(alone)[1:] if not word.startswith("[")]
