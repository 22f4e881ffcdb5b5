"""Draws the curves of a run as SVG files for the docs: `nox -s bench -- plot`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

# Two curves each: ours and the raw operators.
PLOTS = {"tasks of one DAG": "bench-tasks.svg", "DAG files": "bench-files.svg"}
COLOURS = {"create_task": "#00897b", "raw": "#8d6e63"}


def draw(subject: str, curves: list[dict[str, Any]], file: Path) -> None:
    """One plot with logarithmic axes, on which a cost in proportion is a straight line of slope one."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.fonttype"], rcParams["svg.hashsalt"] = "none", "gaiaflow"
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        label = curve["name"].rpartition(", ")[2]
        axes.loglog(curve["counts"], curve["seconds"], marker="o", label=label, color=COLOURS[label])
    axes.set(xlabel=subject, ylabel="seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.patch.set_facecolor("white")
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    taken = json.loads(wanted.figures.read_text())["curves"]
    for subject, name in PLOTS.items():
        curves = [curve for curve in taken if curve["name"].startswith(subject)]
        if curves:
            draw(subject, curves, wanted.folder / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
