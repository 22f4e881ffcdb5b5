"""What was tried and what held: noted by the tests, kept in artefacts/proof, put into the documents.

python tests/faults/evidence.py     # after a run: brings docs/proof.md and docs/threat-model.md up to date
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "artefacts" / "proof"
# Which document carries the table of which suite.
DOCUMENTS = {"faults": ROOT / "docs" / "proof.md", "security": ROOT / "docs" / "threat-model.md"}
COLUMNS = ("part", "tried", "held")


@dataclass
class Evidence:
    """The rows of one suite; a test adds its row when all that it asserts has held."""

    suite: str
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, part: str, tried: str, held: str) -> None:
        self.rows.append(asdict(Row(part, tried, held)))

    def keep(self) -> None:
        """Rows of earlier runs stay until the same thing is tried again."""
        file = KEPT / f"{self.suite}.json"
        before = json.loads(file.read_text()) if file.exists() else []
        rows = {(row["part"], row["tried"]): row for row in [*before, *self.rows]}
        KEPT.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(sorted(rows.values(), key=lambda row: row["part"]), indent=1) + "\n")


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    part: str
    tried: str
    held: str


def table(rows: list[dict[str, str]]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(row[name].replace("|", "\\|") for name in COLUMNS) + " |" for row in rows]
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
