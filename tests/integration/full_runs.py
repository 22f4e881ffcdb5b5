"""Hook of pytest that leaves out what takes longer than CI has, unless all is asked for."""

from __future__ import annotations

import os

import pytest

FULL = bool(os.environ.get("GAIAFLOW_FULL_FAULTS"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("full") and not FULL]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
