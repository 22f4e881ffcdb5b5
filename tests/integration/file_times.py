"""Hook of pytest that says how long each file took, and which worker when: where CI's time goes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    spent: dict[str, float] = defaultdict(float)
    worker: dict[str, str] = {}
    begun: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if (duration := getattr(report, "duration", None)) is None:
                continue
            file = report.nodeid.partition("::")[0]
            spent[file] += duration
            worker[file] = getattr(report, "worker_id", "")
            begun[file] = min(begun.get(file, report.start), report.start)
    if not begun:
        return
    first = min(begun.values())
    terminalreporter.section("seconds of each file")
    for file in sorted(spent, key=lambda name: (worker[name], begun[name])):
        line = f"{worker[file]:4} from {begun[file] - first:6.0f} s  {spent[file]:6.0f} s  {file}"
        terminalreporter.write_line(line)
