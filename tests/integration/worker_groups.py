"""Spreads files of tests over the workers of pytest-xdist: those of one group go to one worker.

The marks of `--dist loadgroup` do not reach the scheduler under pytest 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from xdist.scheduler import LoadScopeScheduling


class Groups(LoadScopeScheduling):
    """A group is what a file shares with others, else the file.

    Args:
        shared: the name of the group by a file's stem.
    """

    def __init__(self, config: Any, log: Any, shared: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self.shared = shared

    def _split_scope(self, nodeid: str) -> str:
        stem = PurePath(nodeid.partition("::")[0]).stem
        return self.shared.get(stem, stem)
