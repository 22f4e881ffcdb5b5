"""What `dag.test` writes to the terminal of a run in one process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.testing import inprocess

LOGGER = "airflow.task.operators.gaiaflow.operators.local.DevOperator"


def shown(tmp_path: Path, *records: dict[str, Any]) -> list[str]:
    """The lines on the terminal for records of Airflow's log while task `t` runs."""
    source, sink = os.pipe()
    screen = tmp_path / "screen"
    started = {"gaiaflow_progress": ["t", "started", ""]}
    with os.fdopen(sink, "w") as log:
        log.writelines(json.dumps(record) + "\n" for record in (started, *records))
    with screen.open("wb") as terminal:
        inprocess._sort(source, terminal.fileno(), tmp_path / "log")
    return screen.read_text().splitlines()[1:]


@pytest.mark.parametrize(
    ("level", "line"),
    [
        ("info", "t | low on memory"),
        ("warning", "t | WARNING low on memory"),
        ("error", "t | ERROR low on memory"),
    ],
)
def test_a_line_of_a_function_has_its_level_unless_it_is_info(tmp_path: Path, level: str, line: str) -> None:
    record = {"logger": LOGGER, "level": level, "event": "low on memory"}
    assert shown(tmp_path, record, {"logger": "airflow.sdk", "level": level, "event": "machinery"}) == [line]
