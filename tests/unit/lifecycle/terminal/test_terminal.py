"""What a command shows on a terminal, on a pipe, when quiet and when it fails; the commands are made here."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.program import Program

from gaiaflow.errors import MissingError
from gaiaflow.explained import ERRORS
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, lifecycle_task, program, say

ROOT = Path(__file__).parents[4]
ESCAPE = "\x1b"
SHOW = """
import sys, time
from gaiaflow.lifecycle.terminal import Phases
phases = Phases(2)
with phases.phase("images") as tell:
    tell("the stack's image `airflow`: [airflow 2/5] RUN uv pip install " + "x" * 200)
    time.sleep(1.3)
with phases.phase("airflow answers") as tell:
    tell("waiting for airflow api-server, mlflow")
    time.sleep(0.4)
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@lifecycle_task
def work(_c: Context) -> None:
    """Work in two phases."""
    phases = Phases(2)
    say("backend embedded: as asked")
    with phases.phase("one") as tell:
        tell("waiting for something")
    with phases.phase("two"):
        raise MissingError("`tool` is not on PATH", "install tool")


@lifecycle_task
def remove(_c: Context, yes: bool = False) -> None:
    """Name what goes, then ask."""
    say("  volume data (5 MB)")
    if confirm("remove these?", yes):
        say("removed")


@lifecycle_task(reads=True)
def show(_c: Context, json: bool = False) -> None:
    """Fail in a way that is ours."""
    if json:
        emit_json({"half": 1})
    raise KeyError("lost")


@lifecycle_task
def crash(_c: Context, json: bool = False) -> None:
    """Fail before anything was said."""
    raise ZeroDivisionError


@lifecycle_task
def write(_c: Context, path: str = "") -> None:
    """Write where nobody may."""
    raise PermissionError(13, "Permission denied", path or None)


@lifecycle_task
def ask(_c: Context, json: bool = False) -> None:
    """Ask Airflow."""
    raise MissingError("Airflow is not running", "inv dev.start --service airflow")


@lifecycle_task
def outer(c: Context) -> None:
    """Call another command."""
    work(c)


@lifecycle_task(positional=["name"])
def make(_c: Context, name: str, count: int = 1, json: bool = False) -> None:
    """Make something."""
    say(f"{name} {count}")


def inv(capsys: pytest.CaptureFixture[str], *words: str) -> Done:
    program.install()
    code = 0
    try:
        Program(namespace=Collection(work, remove, show, crash, write, ask, outer, make)).run(["inv", *words])
    except SystemExit as end:
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return Done(code, shown.out, shown.err)


def on_terminal(**variables: str) -> str:
    """What the script shows on a terminal of eighty columns."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAIAFLOW_", "NO_COLOR"))}
    env = {**kept, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", "PYTHONPATH": str(ROOT), **variables}
    child = subprocess.Popen([sys.executable, "-c", SHOW], stdout=theirs, stderr=theirs, stdin=theirs, env=env)
    os.close(theirs)
    read = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        read += part
    os.close(ours)
    assert child.wait(timeout=60) == 0
    return read.decode()


def test_a_terminal_sees_the_seconds_count_and_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_terminal()
    assert re.search(r"\[1/2\] images \d s  the stack's image `airflow`: \[airflow 2/5\] RUN uv pip", shown)
    assert len(set(re.findall(r"\[1/2\] images (\d) s", shown))) > 1  # the seconds go on
    assert re.search(r"\[2/2\] airflow answers \d s  waiting for airflow api-server, mlflow", shown)
    assert re.search(r"\[1/2\] images \d\.\d s\r\n", shown)
    assert re.search(r"\[2/2\] airflow answers \d\.\d s\r\n", shown)
    assert "x" * 60 not in shown  # cut at the terminal's width: a second line could not be written again


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"GAIAFLOW_QUIET": "1"}])
def test_a_dumb_terminal_gets_plain_lines_and_a_quiet_one_none(variables: dict[str, str]) -> None:
    shown = on_terminal(**variables)
    assert ESCAPE not in shown
    lines = [re.sub(r"\d+\.\d", "N", line) for line in shown.splitlines()]
    plain = ["[1/2] images N s", "[2/2] airflow answers N s"]
    assert lines == (plain if "TERM" in variables else [])


def test_no_color_means_none() -> None:
    assert not re.search(r"\x1b\[[0-9;]*m", on_terminal(NO_COLOR="1").replace("\x1b[0m", ""))


def test_a_pipe_gets_one_line_a_phase_and_the_failed_one_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "work")
    lines = [re.sub(r"\d+\.\d", "N", line) for line in done.stderr.splitlines()]
    assert lines == [
        "backend embedded: as asked",
        "[1/2] one N s",
        "[2/2] two failed after N s",
        "error: `tool` is not on PATH",
        "hint: install tool",
    ]
    assert (done.code, done.stdout) == (3, "")


@pytest.mark.parametrize("variable", ["", "GAIAFLOW_QUIET"])
def test_quiet_leaves_the_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    done = inv(capsys, "work", *([] if variable else ["--quiet"]))
    assert done == Done(3, "", "error: `tool` is not on PATH\nhint: install tool\n")


def test_a_question_shows_what_quiet_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    asked = inv(capsys, "remove", "--quiet")
    assert asked == Done(
        2, "", "  volume data (5 MB)\nerror: remove these? there is no terminal to ask on\nhint: add --yes\n"
    )
    assert inv(capsys, "remove", "--quiet", "--yes") == Done(0, "", "")


@pytest.mark.parametrize("how", ["--debug", "GAIAFLOW_DEBUG"])
def test_debug_shows_where_an_error_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how.startswith("GAIAFLOW"):
        monkeypatch.setenv(how, "1")
    done = inv(capsys, "work", *([how] if how.startswith("--") else []))
    assert "Traceback" in done.stderr
    assert "in work" in done.stderr
    assert done.stderr.endswith("error: `tool` is not on PATH\nhint: install tool\n")


def test_a_bug_is_told_as_ours_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "show")
    assert done.code == 1
    assert "Traceback (most recent call last):" in done.stderr
    assert done.stderr.endswith(
        "error: this is a bug in gaiaflow, not your mistake: KeyError: 'lost'\n"
        "hint: inv doctor --bundle, and send its zip with the lines above to those who keep gaiaflow\n"
    )


def test_a_bug_is_json_where_nothing_was_printed_yet(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "crash", "--json")
    told = json.loads(done.stdout)["error"]
    assert told["message"] == "this is a bug in gaiaflow, not your mistake: ZeroDivisionError"
    assert told["code"] == done.code == 1
    half = inv(capsys, "show", "--json")
    assert json.loads(half.stdout) == {"schema": 1, "half": 1}
    assert "KeyError: 'lost'" in half.stderr


def test_what_the_system_refuses_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "write", "--path", "/etc/a b")
    assert done == Done(1, "", "error: `/etc/a b`: permission denied\nhint: ls -ld '/etc/a b'\n")
    done = inv(capsys, "write")
    assert done == Done(1, "", "error: the system refuses: permission denied\nhint: df -h . && ls -ld .\n")


def test_a_command_that_calls_a_command_fails_once(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "outer", "--quiet")
    assert done == Done(3, "", "error: `tool` is not on PATH\nhint: install tool\n")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["mkae"], "unknown command `mkae` (did you mean `make`?)", "inv --list"),
        (["--foo", "make"], "unknown option `--foo`", "inv --list"),
        (["make"], "`make` needs NAME", "inv make NAME"),
        (["make", "a", "--cuont", "1"], "unknown option `--cuont` of `make` (did you mean `--count`?)",
         "inv --help make"),
        (["make", "a", "--count", "x"], "`--count` needs a number, not `x`", "inv --help make"),
        (["make", "a", "--count"], "`--count` lacks its value", "inv --help make"),
        (["make", "a", "b"], "unknown command `b`", "inv --help make"),
        (["--help", "mkae"], "unknown command `mkae` (did you mean `make`?)", "inv --list"),
        (["--list", "mkae"], "unknown group `mkae`", "inv --list"),
    ],
)  # fmt: skip
def test_words_that_inv_does_not_know(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str, hint: str
) -> None:
    assert inv(capsys, *words) == Done(2, "", f"error: {message}\nhint: {hint}\n")


def test_words_that_inv_does_not_know_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    done = inv(capsys, "make", "--json")
    error = {"message": "`make` needs NAME", "hint": "inv make NAME", "code": 2, "see": ""}
    assert (done.code, json.loads(done.stdout), done.stderr) == (2, {"schema": 1, "error": error}, "")


def test_an_error_that_a_page_explains_ends_with_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    see = f"{ERRORS}#airflow-is-not-running"
    plain, as_json = inv(capsys, "ask"), inv(capsys, "ask", "--json")
    assert plain == Done(
        3, "", f"error: Airflow is not running\nhint: inv dev.start --service airflow\nsee: {see}\n"
    )
    assert json.loads(as_json.stdout)["error"]["see"] == see


def test_help_is_never_taken_for_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["make", "--help"], ["make", "-h"], ["--help", "make"]):
        done = inv(capsys, *words)
        assert done.code == 0
        assert done.stdout.startswith("Usage: inv make ")


def test_what_reads_must_take_json() -> None:
    def look(_c: Context) -> None:
        """Look."""

    with pytest.raises(TypeError, match="`look` reads, so it needs the option `json`"):
        lifecycle_task(reads=True)(look)
