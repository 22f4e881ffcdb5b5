"""A small result in a termination message, and one that is too large for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gaiaflow import runner

FUNCTIONS = "def text(size):\n    return 'x' * size\n"
# Of the result's own quotes.
LARGEST = runner.LARGEST_MESSAGE - len(runner.MESSAGE) - 2


class Container:
    """Runs a function with the files of a pod."""

    def __init__(self, folder: Path) -> None:
        (folder / "user.py").write_text(FUNCTIONS)
        self.folder, self.result, self.message = folder, folder / "result.json", folder / "termination-log"
        self.message.write_text("a message of the function's own")

    def __call__(self, size: int, *, sidecar: bool = True) -> tuple[int, str]:
        call = {"protocol": 1, "function": "user:text", "args": [size]}
        env = {"GAIAFLOW_CALL": json.dumps(call), "GAIAFLOW_CODE": str(self.folder)}
        env["GAIAFLOW_MESSAGE_FILE"] = str(self.message)
        if sidecar:
            env["GAIAFLOW_RESULT_FILE"] = str(self.result)
        command = [sys.executable, "-I", "-S", runner.__file__]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr.strip()


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_a_small_result_is_in_the_message_and_in_the_file(container: Container) -> None:
    assert container(3) == (0, "")
    assert container.message.read_text() == 'gaiaflow-result "xxx"'
    assert json.loads(container.result.read_text()) == "xxx"


def test_the_largest_result_of_a_message(container: Container) -> None:
    assert container(LARGEST, sidecar=False) == (0, "")
    assert len(container.message.read_bytes()) == runner.LARGEST_MESSAGE
    assert not container.result.exists()


def test_a_larger_result_is_in_the_file_alone(container: Container) -> None:
    assert container(LARGEST + 1) == (0, "")
    assert container.message.read_text() == ""
    assert len(json.loads(container.result.read_text())) == LARGEST + 1


def test_a_larger_result_without_a_file_is_an_error(container: Container) -> None:
    assert container(LARGEST + 1, sidecar=False) == (
        1,
        "gaiaflow: user:text returned 4081 bytes: a small result has at most 4080",
    )


def test_a_container_without_a_message_has_its_file(container: Container) -> None:
    container.message.unlink()
    assert container(3) == (0, "")
    assert json.loads(container.result.read_text()) == "xxx"
