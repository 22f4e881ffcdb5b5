"""The example project on a Compose stack, started once for all tests, and one run of its pipeline a mode."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "integration")]

from composed_example import runs, stack  # noqa: E402, F401 - fixtures
from full_runs import pytest_collection_modifyitems  # noqa: E402, F401 - a hook
from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: E402, F401 - hooks
