"""The architecture of `tests/unit/test_layers.py` as a table and a picture for docs/architecture.md.

``PYTHONPATH=. python -m tests.architecture`` writes both; a test says when they are stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "images" / "wings.svg"
BEGIN, END = "<!-- wings: begin -->", "<!-- wings: end -->"
WIDTH, ROW, GAP, STEP = 860, 34, 6, 12
Rows = Sequence[tuple[str, str]]


def table(rows: Rows) -> str:
    """The rows in Markdown."""
    return "\n".join(["| wing | job |", "|---|---|", *(f"| `{name}` | {job} |" for name, job in rows)])


def picture(rows: Rows) -> str:
    """The rows as steps of a staircase, from the roof down."""
    steps = [_step(row, name, job) for row, (name, job) in enumerate(rows)]
    height = len(rows) * (ROW + GAP) + GAP
    box = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
    title = "<title>The wings; each imports only what is below it</title>"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {box}>', title, *steps, "</svg>", ""])


def _step(row: int, name: str, job: str) -> str:
    top, left = GAP + row * (ROW + GAP), 4 + row * STEP
    place = f'x="{left}" y="{top}" width="{WIDTH - 4 - left}" height="{ROW}"'
    return (
        f'<rect {place} rx="4" fill="#d5e3ef"/>'
        f'<text x="{left + 10}" y="{top + 22}" font-weight="bold" fill="#123">{escape(name)}</text>'
        f'<text x="{left + 120}" y="{top + 22}" font-size="13" fill="#123">{escape(job)}</text>'
    )


def page(text: str, rows: Rows) -> str:
    """The page with its table as the code has it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


if __name__ == "__main__":
    from tests.unit.test_layers import WINGS

    PICTURE.write_text(picture(WINGS), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), WINGS), encoding="utf-8")
