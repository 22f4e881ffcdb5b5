"""The table of what clients rely on in the S3 store."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "hooks"))

import s3table  # noqa: E402

from tests.s3_behaviours.behaviour import TABLE  # noqa: E402

USERS = {"boto3", "MLflow", "s3fs", "rclone", "pyarrow"}


def test_each_row_has_its_own_name_and_known_users() -> None:
    names = [row.name for row in TABLE]
    assert len(names) == len(set(names)) >= 60
    assert {user for row in TABLE for user in row.users} == USERS
    assert all(row.users for row in TABLE)


def test_the_page_has_every_row_and_says_which_differ() -> None:
    page = s3table.behaviours()
    assert page.count("| yes |") + page.count("| **no**: ") == len(TABLE)
    assert {row.library for row in TABLE} == set(s3table.SECTIONS)


def test_only_python_of_the_standard_library_is_needed_to_read_the_table() -> None:
    assert not {"boto3", "s3fs", "mlflow", "pyarrow"} & set(sys.modules)
