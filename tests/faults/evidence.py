"""What was tried and what held: noted by the tests, kept in artefacts/proof, put into the documents.

python tests/faults/evidence.py     # after a run: brings docs/proof.md and docs/threat-model.md up to date
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "artefacts" / "proof"
# Which document carries the table of which suite.
DOCUMENTS = {"faults": ROOT / "docs" / "proof.md", "security": ROOT / "docs" / "threat-model.md"}
COLUMNS = ("part", "tried", "held", "test")


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        test: the test that carries it, as pytest names it.
    """

    part: str
    tried: str
    held: str
    test: str


@dataclass
class Suite:
    """The rows of one suite, and how its tests ended in this run."""

    name: str
    rows: list[Row] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def judge(self, report: pytest.TestReport) -> None:
        """Take in how one phase of a test ended; a failing teardown is a failure too."""
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)

    def keep(self) -> None:
        """Replace the rows of every test that ran; rows of tests that did not run stay."""
        file = KEPT / f"{self.name}.json"
        rows = self._merged(json.loads(file.read_text()) if file.exists() else [])
        KEPT.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(sorted(rows, key=lambda row: row["part"]), indent=1) + "\n")

    def _merged(self, before: list[dict[str, str]]) -> list[dict[str, str]]:
        stay = [row for row in before if "test" in row and row["test"] not in self.passed | self.failed]
        return stay + [asdict(row) for row in self.rows if row.test in self.passed - self.failed]


@dataclass(frozen=True)
class Evidence:
    """What one test notes; it is kept when the whole test has passed."""

    suite: Suite
    test: str

    def add(self, part: str, tried: str, held: str) -> None:
        self.suite.rows.append(Row(part, tried, held, self.test))


def table(rows: list[dict[str, str]]) -> str:
    """The rows as Markdown; the test as code."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    shown: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        known = shown.setdefault((row["part"], row["tried"], row["held"]), {**row, "test": ""})
        known["test"] += f"{', ' if known['test'] else ''}`{row['test']}`"
    lines += [
        "| " + " | ".join(row[name].replace("|", "\\|") for name in COLUMNS) + " |" for row in shown.values()
    ]
    return "\n".join(lines)


def write(suite: str, document: Path) -> None:
    """Put the table between the marks of the document."""
    file = KEPT / f"{suite}.json"
    if not file.exists():
        return
    marks = f"<!-- {suite} -->", f"<!-- end of {suite} -->"
    new = f"{marks[0]}\n{table(json.loads(file.read_text()))}\n{marks[1]}"
    pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
    document.write_text(re.sub(pattern, lambda _: new, document.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    for name, place in DOCUMENTS.items():
        write(name, place)
