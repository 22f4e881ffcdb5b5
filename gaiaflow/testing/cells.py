"""One DAG in one mode is a cell; all cells together are the matrix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    dag: str
    mode: str


def run_matrix() -> None: ...
