"""Disk full, home read-only, files cut or half written: one clear error, nothing lost, next start fine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from evidence import Evidence
from small_project import SmallProject

pytestmark = pytest.mark.stack
# Who runs, as the parts of the stack note it; and what a broken disk or a hand can make of it.
RECORDS = {
    "run/supervisor.json": (("dev.status",), ("dev.stop",)),
    "cluster/cluster.json": (("prodlocal.status",), ("secret.list", "--mode", "prod_local")),
    "cluster/gateway.json": (("prodlocal.status",), ("prodlocal.stop",)),
    "cluster/model-co2.json": (("prodlocal.status",), ("prodlocal.stop",)),
}
SENSELESS = (
    *("", "[]", "{}", '{"pid": "x"}', "\0" * 50),
    json.dumps({"pid": os.getpid(), "started": "1", "socket": 5, "port": "x", "profile": 3, "context": []}),
)
START = ("dev.start", "--backend", "embedded", "--auto-ports", "--service", "mlflow")


@contextmanager
def mounted(where: Path, options: str, *source: str) -> Iterator[None]:
    """A file system of our own at a folder; skipped where this user may not mount."""
    where.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", *(source or ("-t", "tmpfs", "tmpfs")), "-o", options, str(where)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def _told(small: SmallProject, *argv: str, code: int) -> str:
    """What the failing command said: one error of ours, and a hint at the end."""
    told = small.inv(*argv, code=code)
    assert len(re.findall(r"^error: [`a-z]", told, re.MULTILINE)) == 1, told
    assert told.splitlines()[-1].startswith("hint: ")
    return told


def test_a_full_disk_is_one_error_and_space_heals_it(tmp_path: Path, evidence: Evidence) -> None:
    full = SmallProject.make(tmp_path / "full")
    with mounted(full.home, "size=20m,mode=0700"):
        told = _told(full, *START, code=1)
        assert "No space left on device" in told or "no space left on device" in told
        full.inv("dev.stop")
        assert full.processes() == {}
        subprocess.run(["mount", "-o", "remount,size=3g", str(full.home)], check=True)
        full.inv(*START)
        made = full.clients("make", "space")
        filler = full.home / "filler"
        subprocess.run(
            ["mount", "-o", f"remount,size={_used(full.home) + 1_000_000}", str(full.home)], check=True
        )
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(b"x" * 50_000_000)
        full.inv("dev.stop")
        full.assert_nothing_left()
        told = _told(full, *START, code=1)
        full.inv("dev.stop")
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=3g", str(full.home)], check=True)
        full.inv(*START)
        assert full.clients("list") == made
        full.inv("dev.stop")
        full.assert_nothing_left()
    evidence.add(
        "fault",
        "disk full (a tmpfs of 20 MB as `.gaiaflow`; one that fills while the stack runs)",
        "one error `no space left on device`, exit 1; stop works; with space the next start finds all",
    )


def _used(folder: Path) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def test_a_home_that_is_read_only_is_one_error(small: SmallProject, evidence: Evidence) -> None:
    small.start("--service", "mlflow")
    small.stop()
    with mounted(small.home, "bind", str(small.home)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(small.home)], check=True)
        told = _told(small, *START, code=1)
        assert "read-only file system" in told.lower()
        small.assert_nothing_left()
    small.inv(*START)
    small.stop()
    evidence.add(
        "fault", "home read-only (a read-only bind mount)", "one error, exit 1; writable again it starts"
    )


def test_a_state_file_that_was_cut_hides_no_stack(small: SmallProject, evidence: Evidence) -> None:
    small.start("--service", "s3")
    for text in ("", '{"backend": "embed', "\0" * 100, '{"backend": 1, "ports": []}'):
        (small.home / "state.json").write_text(text)
        _told(small, *START, code=1)
    assert "stopped s3" in small.call("dev.stop").stderr
    assert small.processes() == {}
    small.start("--service", "s3")
    small.stop()
    evidence.add(
        "fault",
        "state file cut or empty while the stack runs",
        "start says so, exit 1; `dev.stop` stops it; the next start recovers",
    )


@pytest.mark.full
def test_lost_keys_are_not_replaced(small: SmallProject, evidence: Evidence) -> None:
    small.start("--service", "mlflow")
    made = small.clients("make", "keys")
    small.stop()
    keys = small.home / "keys.json"
    before = keys.read_text()
    keys.write_text(before[:40])
    told = _told(small, *START, code=1)
    assert "keys.json" in told
    assert keys.read_text() == before[:40]
    keys.write_text(before)
    small.start("--service", "mlflow")
    assert small.clients("list") == made
    small.stop()
    evidence.add(
        "fault", "keys.json cut", "one error, exit 1; never replaced by new keys; put back, all is there"
    )


@pytest.mark.full
def test_a_half_written_environment_is_made_again(small: SmallProject, evidence: Evidence) -> None:
    small.start("--service", "mlflow")
    small.stop()
    services = small.home / "envs" / "services"
    shutil.rmtree(next((services / "lib").glob("python3*")) / "site-packages" / "mlflow")
    (services / "stamp").unlink()
    beside = small.home / "envs" / "services-0123abcd"
    beside.mkdir()
    (beside / "half").write_text("half")
    small.start("--service", "mlflow")
    small.clients("list")
    small.stop()
    assert not beside.exists()
    evidence.add("fault", "an environment half written", "made again by the next start")


@pytest.mark.full
def test_a_migration_that_was_cut_off_is_begun_again(small: SmallProject, evidence: Evidence) -> None:
    """What Airflow leaves of its first migration when it is killed is a database that it cannot migrate."""
    small.start()
    small.inv("dag.run", "kept")
    small.stop()
    airflow = small.home / "airflow"
    kept = {name: (airflow / name).read_bytes() for name in ("airflow.db", "migrated")}
    (airflow / "migrated").unlink()
    (airflow / "airflow.db").write_bytes(kept["airflow.db"][:8192])
    small.start("--service", "airflow")
    small.inv("dag.run", "kept")
    small.stop()
    for name, content in kept.items():
        (airflow / name).write_bytes(content)
    evidence.add(
        "fault", "Airflow's first migration cut off", "the half of a database is left, a new one is made"
    )


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_makes_no_sense_is_no_crash(small: SmallProject, record: str, evidence: Evidence) -> None:
    """It ends no process either, this one least of all: its number is in one of them."""
    file = small.home / record
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for content in SENSELESS:
        for command in RECORDS[record]:
            file.write_text(content)
            done = small.call(*command)
            assert done.returncode in {0, 1, 2, 3}, done.stderr
            assert "Traceback" not in done.stderr
            assert "this is a bug" not in done.stderr
    file.unlink(missing_ok=True)
    evidence.add(
        "fault",
        f"`{record}` empty, cut or of another shape",
        f"{' and '.join(f'`{command[0]}`' for command in RECORDS[record])} say one error or none; no process "
        "is ended",
    )
