"""How long starts took: what is kept, what is shown, and that a broken file hurts nobody."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from invoke.program import Program

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import environment
from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.lifecycle.terminal.phases import Phases
from gaiaflow.project import Project
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import timings
from gaiaflow.stack.services.backend import StartOptions
from gaiaflow.stack.services.timings import Timing


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    monkeypatch.chdir(tmp_path)
    return Project.find(tmp_path)


def timing(command: str = "dev.start", seconds: float = 1.5) -> Timing:
    at = "2026-01-02T03:04:05+00:00"
    return Timing(command, "embedded", "warm", at, seconds, True, [{"name": "s3 answers", "seconds": 0.5}])


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with contextlib.suppress(SystemExit):
        Program(namespace=namespace()).run(["inv", "dev.timings", *words])
    return "".join(capsys.readouterr())


def test_the_last_ones_are_kept_for_the_user_alone(project: Project) -> None:
    for number in range(timings.KEPT + 3):
        timings.add(project, timing(seconds=float(number)))
    kept = timings.read(project)
    assert [row.seconds for row in kept] == [float(n) for n in range(3, timings.KEPT + 3)]
    assert (project.home / timings.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line", ["{", "[]", "null", '{"command": "x"}', "\xff", json.dumps({**timing().as_dict(), "phases": [1]})]
)
def test_a_line_that_was_cut_is_left_out(project: Project, line: str) -> None:
    timings.add(project, timing())
    file = project.home / timings.FILE
    file.write_text(f"{line}\n{file.read_text()}", encoding="latin-1")
    assert timings.read(project) == [timing()]
    timings.add(project, timing("dev.dockerize"))
    assert [row.command for row in timings.read(project)] == ["dev.start", "dev.dockerize"]


def test_a_start_is_written_down_phase_by_phase_also_when_it_fails(project: Project) -> None:
    phases = Phases(2)
    with (
        pytest.raises(GaiaflowError),
        timed(project, "dev.start", "docker", True, [phases]),
        phases.phase("images"),
        phases.phase("containers"),
    ):
        raise GaiaflowError("no")
    row = timings.read(project)[0]
    assert (row.command, row.backend, row.start, row.ok) == ("dev.start", "docker", "cold", False)
    assert [phase["name"] for phase in row.phases] == ["images", "containers"]


def test_cold_is_a_start_that_has_to_make_an_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Embedded(project).is_cold(StartOptions(["s3"]))
    monkeypatch.setattr(environment, "missing", lambda _: ["airflow"])
    assert not Embedded(project).is_cold(StartOptions(["s3"]))
    assert Embedded(project).is_cold(StartOptions(["s3", "mlflow", "airflow"]))


def test_the_command_shows_them(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == "nothing was started or built here yet\n"
    assert json.loads(shown(capsys, "--json")) == {"schema": 1, "timings": []}
    timings.add(project, timing())
    timings.add(project, timing("dev.dockerize"))
    assert json.loads(shown(capsys, "--json", "--last", "1")) == {
        "schema": 1,
        "timings": [timing("dev.dockerize").as_dict()],
    }
    table = [line.split() for line in shown(capsys).splitlines()]
    assert table[0] == ["when", "command", "on", "phase", "seconds"]
    assert table[1][2:] == ["dev.start", "embedded", "warm", "all", "1.5"]
    assert table[2] == ["s3", "answers", "0.5"]
    said = shown(capsys, "--last=0")
    assert said == "error: `--last` is 0: one or more\nhint: inv dev.timings --last 5\n"
