"""All figures in one run: a table on stdout, what changed since an earlier run, and JSON with --json FILE."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from measure import ROOT, Figure

MODULES = (
    "command",
    "parse",
    "dag",
    "scale",
    "task",
    "mode",
    "pod",
    "manypods",
    "upload",
    "layer",
    "visible",
    "stack",
    "image",
)
LAST = ROOT / "docs" / "benchmarks.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *MODULES], help="by default all")
    parser.add_argument("--json", type=Path, help="write them to this file too; what was not taken stays")
    parser.add_argument("--since", type=Path, default=LAST, help="an earlier run; by default the committed one")
    wanted = parser.parse_args()
    before = read(wanted.since)
    known = {row["name"]: row["ratio"] for row in before.get("figures", [])}
    taken: list[Figure] = []
    curves: list[dict[str, Any]] = []
    for name in wanted.only or MODULES:
        module = importlib.import_module(name)
        for figure in module.figures():
            taken.append(figure)
            print(line(figure, known.get(figure.name)), flush=True)
        curves += [asdict(curve) for curve in getattr(module.figures, "curves", [])]
    if wanted.json:
        wanted.json.write_text(json.dumps(merged(read(wanted.json), taken, curves), indent=2) + "\n")
    return 0


def read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def line(figure: Figure, before: float | None) -> str:
    """One figure as a person reads it, with its goal and what it was before."""
    mark = "met" if figure.met else "MISSED"
    was = "new" if before is None else f"was {before:.3f}"
    return f"{figure.ratio:8.3f}  goal {figure.goal:<5} {mark:6} {was:10}  {figure.name}: {figure.detail}"


def merged(before: dict[str, Any], taken: list[Figure], curves: list[dict[str, Any]]) -> dict[str, Any]:
    """The new figures over those of an earlier run in the same file."""
    today = {"taken": date.today().isoformat(), "machine": machine()}
    rows = {row["name"]: row for row in before.get("figures", [])}
    rows |= {figure.name: {**figure.as_dict(), **today} for figure in taken}
    drawn = {curve["name"]: curve for curve in (*before.get("curves", []), *curves)}
    return {"schema": 1, "figures": list(rows.values()), "curves": list(drawn.values())}


def machine() -> str:
    """What it was taken on, without a name."""
    kib = int(Path("/proc/meminfo").read_text().split()[1]) if Path("/proc/meminfo").exists() else 0
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {kib // 2**20} GiB"


if __name__ == "__main__":
    raise SystemExit(main())
