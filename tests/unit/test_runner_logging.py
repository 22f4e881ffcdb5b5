"""What the runner does about logging and stderr, and what a function that configures logging itself gets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gaiaflow import runner
from tests.unit.test_runner import INTERPRETERS, Interpreter

MODULE = """
import logging, logging.config, sys, threading, traceback, warnings

log = logging.getLogger("my.model")

def logs():
    logging.info("root")
    log.debug("hidden")
    log.info("epoch %d", 3)
    log.warning("two\\nlines")
    log.log(35, "between")

def fails():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("oops")
    raise ValueError("bad\\nindeed")

def writes():
    print("printed")
    print("a", "b", file=sys.stderr)
    sys.stderr.write("in ")
    sys.stderr.write("parts\\n\\n")
    sys.stderr.writelines(["one\\n", "two\\n"])
    warnings.warn("careful")
    print("2026/11/24 18:00:01 INFO mlflow.tracking: named", file=sys.stderr)
    print("ERROR:root:named", file=sys.stderr)
    print("an INFO in the middle", file=sys.stderr)
    try:
        {}["x"]
    except KeyError:
        traceback.print_exc()
    print("after", file=sys.stderr, end="")

def configures():
    logging.basicConfig(format="mine %(levelname)s %(message)s", stream=sys.stdout)
    log.info("hidden, as Python has it")
    logging.warning("shown")

def configures_info():
    root = {"level": "INFO", "handlers": ["out"]}
    handlers = {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}
    config = {"version": 1, "root": root, "handlers": handlers, "disable_existing_loggers": False}
    logging.config.dictConfig(config)
    log.info("shown")

def asks_for_nothing():
    logging.basicConfig()
    log.info("hidden, as Python has it")
    log.warning("shown")

def has_a_handler():
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.warning("once")
"""
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "


def run(folder: Path, function: str, *, python: str = sys.executable, marked: bool = True) -> tuple[str, str]:
    """What a function writes to stdout and to stderr, without the time."""
    (folder / "user.py").write_text(MODULE)
    call = {"protocol": 1, "function": f"user:{function}", "args": [], "kwargs": {}, "params": {}}
    env = {"GAIAFLOW_CODE": str(folder), "GAIAFLOW_CALL": json.dumps(call)}
    env |= {runner.LOG_LEVELS: "1"} if marked else {}
    command = [python, "-u", runner.__file__]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, re.sub(TIME, "TIME ", done.stderr)


@INTERPRETERS
def test_what_is_logged_appears_with_level_logger_and_time(tmp_path: Path, python: Interpreter) -> None:
    lines = run(tmp_path, "logs", python=python.python)[1].splitlines()
    assert lines == [
        "INFO| TIME root: root",
        "INFO| TIME my.model: epoch 3",
        "WARNING| TIME my.model: two",
        "WARNING| lines",
        "WARNING| TIME my.model: between",
    ]
    plain = run(tmp_path, "logs", python=python.python, marked=False)[1].splitlines()
    assert plain[:3] == ["TIME INFO root: root", "TIME INFO my.model: epoch 3", "TIME WARNING my.model: two"]


def test_a_traceback_is_an_error_down_to_the_last_line(tmp_path: Path) -> None:
    stdout, stderr = run(tmp_path, "fails")
    assert stdout == ""
    assert all(line.startswith("ERROR| ") for line in stderr.splitlines())
    assert "ERROR| TIME my.model: oops\nERROR| Traceback (most recent call last):\n" in stderr
    assert stderr.splitlines()[-3:] == [
        "ERROR| ValueError: bad",
        "ERROR| indeed",
        "ERROR| gaiaflow: user:fails raised ValueError: bad indeed",
    ]


def test_each_line_of_stderr_has_one_level(tmp_path: Path) -> None:
    stdout, stderr = run(tmp_path, "writes")
    assert stdout == "printed\n"
    lines = stderr.splitlines()
    assert lines[:5] == ["WARNING| a b", "WARNING| in parts", "WARNING| ", "WARNING| one", "WARNING| two"]
    assert re.fullmatch(r"WARNING\| .*user\.py:\d+: UserWarning: careful", lines[5])
    assert [line for line in lines if "named" in line or "middle" in line] == [
        "INFO| 2026/11/24 18:00:01 INFO mlflow.tracking: named",
        "ERROR| ERROR:root:named",
        "WARNING| an INFO in the middle",
    ]
    assert "ERROR| Traceback (most recent call last):" in lines
    assert lines[-2:] == ["ERROR| KeyError: 'x'", "WARNING| after"]
    assert run(tmp_path, "writes", marked=False)[1].startswith("a b\nin parts\n\none\n")


@pytest.mark.parametrize(
    ("function", "stdout", "stderr"),
    [
        ("configures", "mine WARNING shown\n", ""),
        ("configures_info", "shown\n", ""),
        ("asks_for_nothing", "", "WARNING| WARNING:my.model:shown\n"),
        ("has_a_handler", "once\n", ""),
    ],
)
def test_a_function_that_configures_logging_itself_keeps_its_way(
    tmp_path: Path, function: str, stdout: str, stderr: str
) -> None:
    assert run(tmp_path, function) == (stdout, stderr)
