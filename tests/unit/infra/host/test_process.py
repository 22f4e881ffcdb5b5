"""The one place that starts other processes: any bytes, and a time-out that ends all that was started."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.host import living, process

LATIN = ["printf", "caf\\351 \\303\\251\\n"]


def is_gone(file: Path) -> bool:
    """Whether the process whose id the file holds has ended, or ends within 3 s."""
    pid = int(file.read_text())
    deadline = time.monotonic() + 3
    while living.started(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living.started(pid)


@pytest.mark.parametrize("tell", [None, lambda _: None])
def test_a_byte_that_is_not_utf_8_is_replaced(tell: object) -> None:
    assert process.run(LATIN, tell=tell).stdout == "caf\N{REPLACEMENT CHARACTER} é\n"


def test_a_character_that_comes_in_two_pieces_is_whole() -> None:
    script = "printf '\\303'; sleep 0.2; printf '\\251\\r\\nend'"
    assert list(process.lines(["sh", "-c", script], timeout=10)) == ["é\n", "end"]


@pytest.mark.parametrize("script", ["sleep 30", "exit 0", "exec >&- 2>&-; sleep 30"])
@pytest.mark.parametrize("tell", [None, lambda _: None])
def test_a_time_out_ends_what_the_program_started(tmp_path: Path, tell: object, script: str) -> None:
    file = tmp_path / "pid"
    script = f"sleep 30 & echo $! > {file}; {script}"
    begun = time.monotonic()
    with pytest.raises(GaiaflowError, match="did not end within 1 s"):
        process.run(["sh", "-c", script], timeout=1, tell=tell)
    assert time.monotonic() - begun < 5
    assert is_gone(file)


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"trap '' TERM; echo $$ > {file}; while true; do sleep 0.1; done"
    with pytest.raises(GaiaflowError, match="did not end within 0 s"):
        process.run(["sh", "-c", script], timeout=0.5, tell=lambda _: None)
    assert is_gone(file)


def test_who_left_the_group_does_not_hold_the_time_out(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"import os, time; os.setsid(); open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(20)"
    begun = time.monotonic()
    with pytest.raises(GaiaflowError, match="did not end within 2 s"):
        process.run(["sh", "-c", f'{sys.executable} -c "{code}" & sleep 1'], timeout=2, tell=lambda _: None)
    assert time.monotonic() - begun < 6
    living.signal(int(file.read_text()), 9)


def test_a_reader_that_stops_ends_the_program(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    report = process.lines(["sh", "-c", f"echo $$ > {file}; echo one; sleep 30"], timeout=30)
    assert next(report) == "one\n"
    report.close()
    assert is_gone(file)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no folder `.*/nowhere` to run `git` in"):
        process.run(["git", "status"], cwd=tmp_path / "nowhere")


def test_a_watched_program_runs_in_its_folder(tmp_path: Path) -> None:
    done = process.run(["pwd"], cwd=tmp_path, tell=lambda _: None)
    assert done.stdout.strip() == str(tmp_path.resolve())


def test_the_start_that_ps_tells_is_the_same_in_every_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for zone in ("UTC", "Asia/Tokyo", "EST5EDT"):
        monkeypatch.setenv("TZ", zone)
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        seen.add(living._started_by_ps(os.getpid()))
    assert len(seen) == 1
