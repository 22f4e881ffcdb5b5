"""One row of docs/reference/compatibility.md, counted in the reports of the tests.

``python tests/compatibility.py KUBERNETES FOLDER [PART ...]``: FOLDER has pytest's XML files and the matrix's
JSON; PART says which tests ran when not all did. A row in which nothing passed is not written.
"""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "compatibility.json"
ALL = "integration, matrix, faults"
_SAME = ("engine", "kubernetes", "airflow", "python", "tests")


def counted(folder: Path) -> Counter[str]:
    """How many tests and cells passed, failed, were skipped."""
    found: Counter[str] = Counter()
    for file in sorted(folder.glob("[0-9]*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):
            kinds = {child.tag for child in case}
            found[_outcome(kinds)] += 1
    matrix = folder / "dag_tests.json"
    if matrix.is_file():
        found.update(cell["outcome"] for cell in json.loads(matrix.read_text(encoding="utf-8"))["cells"])
    return found


def _outcome(kinds: set[str]) -> str:
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def row(kubernetes: str, engine: str, airflow: str, counts: Counter[str], parts: list[str]) -> dict[str, Any]:
    return {
        "engine": engine,
        "kubernetes": kubernetes,
        "airflow": airflow,
        "python": platform.python_version(),
        "tests": ", ".join(f"`{part}`" for part in parts) or ALL,
        **{name: counts[name] for name in ("passed", "failed", "skipped")},
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
    }


def merged(before: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows with the new one in the place of that of the same versions and tests."""
    same = [new[name] for name in _SAME]
    return [*(each for each in before if [each[name] for name in _SAME] != same), new]


def main(kubernetes: str, folder: str, *parts: str) -> int:
    sys.path.append(str(ROOT / "docs" / "hooks"))
    from versions import LOCKS, pinned  # type: ignore[import-not-found]

    from gaiaflow.infra.images.engine import connect

    counts = counted(Path(folder))
    if not counts["passed"]:
        sys.stderr.write(f"no test passed, so there is no row: {dict(counts)}\n")
        return 1
    engine = str(connect().version()["Version"])
    airflow = pinned(LOCKS / "airflow.txt", "apache-airflow")
    made = row(kubernetes, engine, airflow, counts, list(parts))
    rows = merged(json.loads(RESULTS.read_text(encoding="utf-8")), made)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{made}\nnow: nox -s docs -- generate\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
