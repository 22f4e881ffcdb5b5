"""All figures in one run: a table on stdout and, with --json FILE, the same as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

MODULES = ("command", "parse", "task", "mode", "pod", "stack")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", choices=[[], *MODULES], help="by default all")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    wanted = parser.parse_args()
    figures = []
    for name in wanted.only or MODULES:
        for figure in importlib.import_module(name).figures():
            figures.append(figure)
            mark = "met" if figure.met else "MISSED"
            print(
                f"{figure.ratio:8.3f}  goal {figure.goal:<5} {mark:6}  {figure.name}: {figure.detail}",
                flush=True,
            )
    if wanted.json:
        wanted.json.write_text(json.dumps([f.as_dict() for f in figures], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
