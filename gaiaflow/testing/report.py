"""The matrix as a table, JSON, JUnit XML and one self-contained HTML page."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from gaiaflow.testing.cell import FAILED, PASSED, SKIPPED, Cell

MOST = 5
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DAGs in every mode</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884; }}
.passed {{ color: #1a7f37; }} .failed {{ color: #cf222e; font-weight: 600; }} .skipped {{ color: #8a8a8a; }}
td small {{ display: block; max-width: 24rem; overflow-wrap: anywhere; font-weight: 400; }}
code {{ font: 13px ui-monospace, monospace; }}
pre {{ overflow-x: auto; background: #8881; padding: .6rem; }}
</style>
</head>
<body>
<h1>DAGs in every mode</h1>
<p>{summary}. The first mode that ran is what the others are compared with.</p>
<table>
<thead><tr><th scope="col">DAG</th>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
{details}
</body>
</html>
"""


def summary(cells: Sequence[Cell]) -> str:
    """``12 passed, 1 failed, 3 skipped``."""
    return ", ".join(f"{sum(c.outcome == o for c in cells)} {o}" for o in (PASSED, FAILED, SKIPPED))


def rows(cells: Sequence[Cell]) -> tuple[list[str], dict[tuple[str, str], dict[str, Cell]]]:
    """The modes in order, and the cells of each DAG by mode."""
    modes = list(dict.fromkeys(cell.mode for cell in cells))
    table: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        table.setdefault((cell.project, cell.dag), {})[cell.mode] = cell
    return modes, table


def print_table(cells: Sequence[Cell]) -> None:
    """The table on stdout, and below it what failed and what was skipped."""
    from rich.console import Console
    from rich.table import Table

    modes, lines = rows(cells)
    table = Table("project", "DAG", *modes, box=None, pad_edge=False, header_style="bold")
    for (project, dag), by_mode in lines.items():
        table.add_row(project, dag, *(_short(by_mode.get(mode)) for mode in modes))
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for outcome in (FAILED, SKIPPED):
        for text in dict.fromkeys(_lines(cells, outcome)):
            console.print(text, markup=False)
    console.print(summary(cells), markup=False)


def _short(cell: Cell | None) -> str:
    if cell is None:
        return ""
    colour = {PASSED: "green", FAILED: "red", SKIPPED: "dim"}[cell.outcome]
    shown = f" {cell.how}" if cell.how == "rendered" else ""
    return f"[{colour}]{cell.outcome}{shown}[/] {cell.seconds:.1f} s"


def _lines(cells: Sequence[Cell], outcome: str) -> list[str]:
    if outcome == SKIPPED:
        return [f"skipped {c.mode}: needs {'; '.join(c.detail)}" for c in cells if c.outcome == SKIPPED]
    return [
        f"failed {c.dag} in {c.mode}: {line}"
        for c in cells
        if c.outcome == outcome
        for line in _first(c.detail)
    ]


def _first(detail: Sequence[str]) -> list[str]:
    """As much as a person reads on a terminal; the reports have all of it."""
    more = [f"… and {len(detail) - MOST} more, see the reports"] if len(detail) > MOST else []
    return [*detail[:MOST], *more]


def to_json(cells: Sequence[Cell]) -> str:
    """Everything, the values too."""
    return json.dumps({"summary": summary(cells), "cells": [cell.as_dict() for cell in cells]}, indent=1)


def write_json(cells: Sequence[Cell], file: Path) -> None:
    file.write_text(to_json(cells) + "\n", encoding="utf-8")


def write_junit(cells: Sequence[Cell], file: Path) -> None:
    """One test case a cell."""
    counts = {"failures": FAILED, "skipped": SKIPPED}
    numbers = {key: str(sum(c.outcome == outcome for c in cells)) for key, outcome in counts.items()}
    suite = ET.Element("testsuite", {"name": "dag_tests", "tests": str(len(cells)), "errors": "0", **numbers})
    for cell in cells:
        name = f"{cell.dag}[{cell.mode}]"
        case = ET.SubElement(suite, "testcase", classname=cell.project, name=name, time=f"{cell.seconds:.3f}")
        if cell.outcome == FAILED:
            ET.SubElement(case, "failure", message=cell.detail[0][:200]).text = "\n".join(cell.detail)
        if cell.outcome == SKIPPED:
            ET.SubElement(case, "skipped", message="needs " + "; ".join(cell.detail))
    ET.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)


def write_html(cells: Sequence[Cell], file: Path) -> None:
    """A page that needs no other file."""
    modes, table = rows(cells)
    head = "".join(f'<th scope="col">{html.escape(mode)}</th>' for mode in modes)
    body = "\n".join(_html_row(key, by_mode, modes) for key, by_mode in table.items())
    details = "\n".join(_html_details(cell) for cell in cells if cell.run)
    page = _PAGE.format(summary=summary(cells), head=head, rows=body, details=details)
    file.write_text(page, encoding="utf-8")


def _html_row(key: tuple[str, str], by_mode: dict[str, Cell], modes: Sequence[str]) -> str:
    cells = "".join(_html_cell(by_mode.get(mode)) for mode in modes)
    return f'<tr><th scope="row">{html.escape(key[1])}<small> {html.escape(key[0])}</small></th>{cells}</tr>'


def _html_cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    said = "".join(f"<small>{html.escape(line)}</small>" for line in cell.detail)
    shown = " (rendered)" if cell.how == "rendered" else ""
    return f'<td class="{cell.outcome}">{cell.outcome}{shown} {cell.seconds:.1f} s{said}</td>'


def _html_details(cell: Cell) -> str:
    tasks = cell.run.tasks if cell.run else {}
    lines = "\n".join(
        f"{name}  {task.state}  {task.seconds:.2f} s  {(task.error or json.dumps(task.value))[:200]}"
        for name, task in tasks.items()
    )
    label = html.escape(f"{cell.dag} in {cell.mode}")
    return f"<details><summary>{label}</summary><pre>{html.escape(lines)}</pre></details>"
