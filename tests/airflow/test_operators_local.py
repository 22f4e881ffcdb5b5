"""Mode dev: what is started for a function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gaiaflow import runner
from gaiaflow.errors import GaiaflowError
from gaiaflow.operators.call import LARGEST_CALL, LARGEST_VARIABLE
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


def sized(mode: str, size: int) -> Any:
    """A task whose call has so many bytes."""
    task = create_task("t", "parity.functions:echo", func_args=[""], mode=mode, image="i:1")
    task.func_args = ["x" * (size - len(encoded(task)))]
    return task


def encoded(task: Any) -> str:
    task.func_kwargs = {}
    task.func_args = list(getattr(task.func_args, "value", task.func_args))
    return str(task.encode_call({}))


@pytest.mark.parametrize("mode", ["dev", "dev_docker", "prod_local", "prod"])
def test_every_mode_refuses_a_call_at_the_same_size(mode: str) -> None:
    assert len(encoded(sized(mode, LARGEST_CALL))) == LARGEST_CALL
    with pytest.raises(GaiaflowError) as refused:
        encoded(sized(mode, LARGEST_CALL + 1))
    assert refused.value.message == "the arguments of task `t` have 1025 KiB: a task takes at most 1024 KiB"
    assert refused.value.hint == "write the value to S3 or MLflow and pass its address"
    assert refused.value.is_final


def test_a_large_call_goes_by_a_file(tmp_path: Path) -> None:
    fits, large = sized("dev", LARGEST_VARIABLE), sized("dev", LARGEST_VARIABLE + 1)
    assert fits._call_variables({}, tmp_path) == {runner.CALL: encoded(fits)}
    variables = large._call_variables({}, tmp_path)
    assert Path(variables[runner.CALL_FILE]).read_text() == encoded(large)
