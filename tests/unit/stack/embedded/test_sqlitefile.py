"""A change of the database's tables that was cut off is taken back; one that ended is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gaiaflow.stack.embedded import sqlitefile


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "airflow.db"


def execute(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("select name from sqlite_master")}


def test_the_first_change_starts_from_nothing(database: Path) -> None:
    execute(database, "create table half (x)")
    sqlitefile.begin(database, new=True)
    assert not database.exists()


def test_a_later_change_that_was_cut_off_is_taken_back(database: Path) -> None:
    execute(database, "create table runs (x)", "insert into runs values (1)")
    sqlitefile.begin(database, new=False)
    execute(database, "drop table runs", "create table half (x)")
    sqlitefile.begin(database, new=False)
    assert tables(database) == {"runs"}


def test_a_change_that_ended_stays_also_through_the_next(database: Path) -> None:
    execute(database, "create table runs (x)")
    sqlitefile.begin(database, new=False)
    execute(database, "create table more (x)")
    sqlitefile.settled(database)
    sqlitefile.begin(database, new=False)
    assert tables(database) == {"runs", "more"}


def test_what_a_killed_process_left_in_the_journal_is_kept(database: Path) -> None:
    execute(database, "pragma journal_mode=wal", "create table runs (x)")
    with closing(sqlite3.connect(database)) as open_still:
        open_still.execute("insert into runs values (1)")
        open_still.commit()
        sqlitefile.begin(database, new=False)
        copy = database.with_name("airflow.db.before")
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as kept:
            assert kept.execute("select x from runs").fetchall() == [(1,)]
