"""The mode of a running stack: who says it, what a restart keeps, what Airflow is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.embedded import processes
from gaiaflow.stack.services import keys, mode as stackmode
from gaiaflow.stack.services.program import Stack
from gaiaflow.stack.services.state import STATE

PORTS = {"s3": 9000, "mlflow": 5000, "airflow": 8080, "jupyter": 8895, "s3-console": 9001}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("GAIAFLOW_MODE", "GAIAFLOW_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    tmp_path.chmod(0o755)
    text = '[project]\nname = "demo"\nversion = "1.2"\n[tool.gaiaflow]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    return Project.find(tmp_path)


def started(project: Project, mode: str) -> None:
    privatefile.folder(project.home)
    privatefile.write_json(project.home / STATE, {"mode": mode})


def test_a_start_takes_the_flag_then_the_variable_then_dev(project: Project) -> None:
    assert stackmode.settle(project, "", False) == "dev"
    (project.root / ".env").write_text("GAIAFLOW_MODE=prod_local\n")
    assert stackmode.settle(project, "", False) == "prod_local"
    assert stackmode.settle(project, "dev_docker", False) == "dev_docker"


def test_a_start_forgets_what_a_stopped_airflow_had(project: Project) -> None:
    started(project, "prod_local")
    assert stackmode.settle(project, "", False) == "dev"


def test_a_running_airflow_keeps_its_mode(project: Project) -> None:
    started(project, "prod_local")
    (project.root / ".env").write_text("GAIAFLOW_MODE=dev_docker\n")
    assert stackmode.settle(project, "", True) == "prod_local"
    assert stackmode.settle(project, "prod_local", True) == "prod_local"
    with pytest.raises(UsageError, match="is already running, in mode `prod_local`") as refused:
        stackmode.settle(project, "dev", True)
    assert refused.value.hint == "inv dev.restart --service airflow --mode dev"


def test_a_running_airflow_keeps_the_moment_of_its_start(project: Project) -> None:
    assert stackmode.kept_began(project) == 0
    assert stackmode.began(project, False) == pytest.approx(time.time(), abs=60)
    privatefile.folder(project.home)
    privatefile.write_json(project.home / STATE, {"began": 5.0})
    assert stackmode.began(project, True) == 5.0


def test_a_restart_keeps_the_mode_unless_told(project: Project) -> None:
    started(project, "prod_local")
    assert stackmode.again(project, "") == "prod_local"
    assert stackmode.again(project, "dev") == "dev"
    (project.root / ".env").write_text("GAIAFLOW_MODE=dev_docker\n")
    assert stackmode.settle(project, stackmode.again(project, ""), False) == "dev_docker"
    assert stackmode.settle(project, stackmode.again(project, ""), True) == "prod_local"


@pytest.mark.parametrize("choose", [stackmode.again, stackmode.asked])
def test_an_unknown_mode_is_guessed(project: Project, choose: object) -> None:
    with pytest.raises(UsageError, match="did you mean `prod_local`"):
        choose(project, "prodlocal")  # type: ignore[operator]


def test_airflow_is_told_the_mode_and_the_image_that_dockerize_makes(project: Project) -> None:
    (project.root / ".env").write_text("GAIAFLOW_MODE=dev_docker\n")
    stack = Stack(project, PORTS, [], keys.load(project), "prod_local")
    contained = Composition(project, PORTS, mode="prod_local")
    contained.write()
    inside = (contained.home / "airflow.env").read_text()
    for program in processes.programs(stack):
        assert program.env["GAIAFLOW_MODE"] == "prod_local"
        assert program.env["GAIAFLOW_IMAGE"] == "demo/demo:1.2"
    assert "GAIAFLOW_MODE='prod_local'" in inside
    assert "GAIAFLOW_IMAGE='demo/demo:1.2'" in inside


def test_a_start_in_the_future_says_nothing(project: Project) -> None:
    """The clock was ahead then; nothing that Airflow reads now would be late enough for it."""
    privatefile.folder(project.home)
    privatefile.write_json(project.home / STATE, {"began": time.time() + 7200})
    assert stackmode.kept_began(project) == 0
