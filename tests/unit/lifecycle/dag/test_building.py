"""`dag.run --build` and `dag.test --build`: the image is built before the run, as it was built before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.program import Program

from gaiaflow.dags import oldimage, reading, run as dagrun, test as dagtest
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle import prodlocal
from gaiaflow.lifecycle.dag import inspector, run as command
from gaiaflow.lifecycle.dev import image as devimage
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.stack.services import mode as stackmode


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a command does, in order; the image was built by a Dockerfile of the project's own."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sample"\nversion = "1"\n[tool.gaiaflow]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAIAFLOW_MODE", raising=False)
    steps: list[str] = []

    def step(name: str, answer: Any = "run") -> Any:
        def do(*_: Any, dockerfile: str = "", **__: Any) -> Any:
            steps.append(f"{name} {dockerfile}".strip())
            return answer

        return do

    monkeypatch.setattr(oldimage, "dockerfile", lambda *_: "own.Dockerfile")
    monkeypatch.setattr(oldimage, "warning", step("warn", ""))
    monkeypatch.setattr(devimage, "build_image", step("dev.dockerize"))
    monkeypatch.setattr(prodlocal, "bring_image", step("prodlocal.dockerize"))
    monkeypatch.setattr(Target, "choose", lambda *_: None)
    monkeypatch.setattr(reading, "refuse_undeclared", lambda *_: None)
    for name in ("connect", "await_dag"):
        monkeypatch.setattr(dagrun, name, lambda *_, **__: None)
    monkeypatch.setattr(dagrun, "trigger", step("trigger"))
    monkeypatch.setattr(command, "say_where", lambda *_: None)
    monkeypatch.setattr(inspector, "airflow_python", lambda *_: Path("python"))
    monkeypatch.setattr(command, "end", lambda *_: None)
    monkeypatch.setattr(dagtest, "run", step("test"))
    return steps


def inv(*words: str) -> int:
    try:
        Program(namespace=namespace()).run(["inv", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize(
    ("mode", "built"), [("dev_docker", "dev.dockerize"), ("prod_local", "prodlocal.dockerize")]
)
def test_the_image_is_built_before_the_run(
    done: list[str], monkeypatch: pytest.MonkeyPatch, mode: str, built: str
) -> None:
    monkeypatch.setattr(stackmode, "kept", lambda _: mode)
    assert inv("dag.run", "flow", "--no-follow", "--build") == 0
    assert done == [f"{built} own.Dockerfile", "trigger"]
    done.clear()
    assert inv("dag.test", "flow", "--mode", mode, "--build") == 0
    assert done == [f"{built} own.Dockerfile", "test"]


def test_without_the_flag_nothing_is_built(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stackmode, "kept", lambda _: "dev_docker")
    assert inv("dag.run", "flow", "--no-follow") == 0
    assert done == ["trigger", "warn"]


@pytest.mark.parametrize(("words", "mode"), [([], "dev"), (["--mode", "prod"], "prod")])
def test_a_mode_whose_image_is_not_built_here_is_refused(
    done: list[str], capsys: pytest.CaptureFixture[str], words: list[str], mode: str
) -> None:
    assert inv("dag.test", "flow", "--build", *words) == 2
    said = capsys.readouterr().err
    assert f"`--build` builds nothing in mode `{mode}`" in said
    assert "it is for dev_docker and prod_local" in said
    assert done == []


def test_a_dry_run_builds_nothing(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stackmode, "kept", lambda _: "dev_docker")
    assert inv("--dry", "dag.run", "flow", "--build") == 0
    assert done == []
