"""Mode dev: what is started for a function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gaiaflow import runner
from gaiaflow.errors import GaiaflowError
from gaiaflow.operators.call import LARGEST_VARIABLE
from gaiaflow.tasks import create_task


def test_a_function_runs_in_the_environment_that_is_there_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of an environment leads to a new folder once packages have changed; the old one stays whole."""
    for name in ("first", "second"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").symlink_to(sys.executable)
    link = tmp_path / "project"
    link.symlink_to("first")
    monkeypatch.setenv("GAIAFLOW_PYTHON", str(link / "bin" / "python"))
    monkeypatch.setenv("GAIAFLOW_MODE", "dev")
    task = create_task("t", "parity.functions:echo")
    assert task.command_line() == [str(tmp_path / "first" / "bin" / "python"), "-u", runner.__file__]
    link.unlink()
    link.symlink_to("second")
    assert task.command_line()[0] == str(tmp_path / "second" / "bin" / "python")


class Log:
    """What an operator warns of."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, text: str, *values: object) -> None:
        self.said.append(text % values)


def sized(monkeypatch: pytest.MonkeyPatch, mode: str, size: int) -> tuple[Any, Log]:
    """A task whose call has so many bytes, and its log."""
    task = create_task("t", "parity.functions:echo", func_args=[""], mode=mode, image="i:1")
    task.func_args = ["x" * (size - len(encoded(task)))]
    log = Log()
    monkeypatch.setattr(type(task), "log", log)
    return task, log


def encoded(task: Any) -> str:
    task.func_kwargs = {}
    task.func_args = list(getattr(task.func_args, "value", task.func_args))
    return str(task.encode_call({}))


@pytest.mark.parametrize("mode", ["dev", "dev_docker"])
def test_a_call_that_no_pod_takes_is_warned_of_at_the_size_at_which_a_pod_refuses_it(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    fits, log = sized(monkeypatch, mode, LARGEST_VARIABLE)
    assert fits.warn_large(encoded(fits)) is False
    fits.refuse_large(encoded(fits))
    assert log.said == []
    large, log = sized(monkeypatch, mode, LARGEST_VARIABLE + 1)
    with pytest.raises(GaiaflowError) as refused:
        large.refuse_large(encoded(large))
    assert large.warn_large(encoded(large)) is True
    said = f"{refused.value.message}, so prod_local and prod refuse them; {refused.value.hint}"
    assert log.said == [said]
    assert "have 97 KiB: a pod takes at most 96 KiB" in said


def test_a_large_call_goes_by_a_file_and_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large, log = sized(monkeypatch, "dev", LARGEST_VARIABLE + 1)
    variables = large._call_variables({}, tmp_path)
    assert Path(variables[runner.CALL_FILE]).read_text() == encoded(large)
    assert len(log.said) == 1
