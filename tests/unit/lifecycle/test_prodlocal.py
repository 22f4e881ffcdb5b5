"""`inv prodlocal.*` where something is missing: one message, the right exit code, nothing started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from invoke.program import Program

from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.namespace import namespace
from gaiaflow.project import Project

RUNNING = '{"Name":"p","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'
STOPPED = RUNNING.replace("Running", "Stopped")


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """A project's folder, and a PATH with what the test puts there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.path = folder / "bin"
        self.path.mkdir()
        (folder / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n[tool.gaiaflow]\n')

    def minikube(self, version: str = "v1.35.0", status: str = STOPPED, start: str = "exit 0") -> None:
        """A minikube that writes down what it is asked to do."""
        program = self.path / "minikube"
        asked = self.folder / "asked"
        program.write_text(
            f"#!/bin/sh\ncase \"$3\" in\nversion) echo {version} ;;\nstatus) echo '{status}'; exit 7 ;;\n"
            f'*) echo "$*" >> {asked}\n{start} ;;\nesac\n'
        )
        program.chmod(0o755)

    def inv(self, *words: str) -> Done:
        """What `inv` does with these words, in this process."""
        code = 0
        try:
            Program(namespace=namespace()).run(["inv", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        shown = self.capsys.readouterr()
        return Done(code, shown.out, shown.err)

    @property
    def asked(self) -> list[str]:
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    for variable in [name for name in os.environ if name.startswith("GAIAFLOW_")]:
        monkeypatch.delenv(variable)
    made = Shell(tmp_path, capsys)
    monkeypatch.setenv("PATH", f"{made.path}:/usr/bin:/bin")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    return made


def failed(done: Done, code: int, message: str) -> None:
    assert done.returncode == code, done.stderr
    assert f"error: {message}" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_no_minikube(shell: Shell) -> None:
    failed(shell.inv("prodlocal.start"), 3, "`minikube` is not on PATH")
    failed(shell.inv("prodlocal.status"), 3, "`minikube` is not on PATH")


def test_a_minikube_that_is_too_old(shell: Shell) -> None:
    shell.minikube(version="v1.20.0")
    failed(shell.inv("prodlocal.start"), 3, "minikube v1.20.0 is too old")
    assert shell.asked == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--cpus", "9999"), 1, "9999 cpus are more than this machine's"),
        (("--memory", "9999g"), 1, "10238976 MiB are more than this machine's"),
        (("--memory", "little"), 2, "--memory `little`"),
        (("--driver", "dokcer"), 2, "unknown driver `dokcer` (did you mean `docker`?)"),
        (("--profile", "a", "--context", "b"), 2, "use either --profile or --context, not both"),
        (("--context", "b"), 3, "no kubeconfig with contexts"),
    ],
)
def test_the_pre_flight_stops_before_anything_starts(
    shell: Shell, words: tuple[str, ...], code: int, message: str
) -> None:
    shell.minikube()
    failed(shell.inv("prodlocal.start", *words), code, message)
    assert shell.asked == []


def test_a_start_that_fails(shell: Shell) -> None:
    data = '{"name":"PROVIDER_DOCKER_NOT_RUNNING","message":"no docker","advice":"Start Docker"}'
    event = '{"type":"io.k8s.sigs.minikube.error","data":' + data + "}"
    shell.minikube(start=f"echo '{event}'; exit 69")
    done = shell.inv("prodlocal.start", "--driver", "none")
    name = f"gaiaflow-{Project.find(shell.folder).id}"
    failed(done, 3, f"the cluster `{name}` did not start: no docker")
    assert "hint: Start Docker" in done.stderr
    assert shell.asked == [f"--profile {name} start --output json --driver=none"]


@pytest.mark.parametrize("words", [("config",), ("images",), ("dockerize",), ("remove-image", "--yes")])
def test_a_cluster_that_is_stopped(shell: Shell, words: tuple[str, ...]) -> None:
    shell.minikube()
    done = shell.inv(f"prodlocal.{words[0]}", *words[1:])
    failed(done, 3, f"the cluster `gaiaflow-{Project.find(shell.folder).id}` is stopped")
    assert "hint: inv prodlocal.start" in done.stderr
    assert shell.asked == []


def test_stop_of_what_is_stopped_does_nothing(shell: Shell) -> None:
    shell.minikube()
    assert "nothing is running" in shell.inv("prodlocal.stop").stderr
    assert shell.asked == []


def test_cleanup_names_what_goes_and_deletes_only_that(shell: Shell) -> None:
    shell.minikube()
    failed(
        shell.inv("prodlocal.cleanup", "--profile", "mine", "--yes"),
        2,
        "the minikube profile `mine` was not created by this project",
    )
    assert shell.asked == []
    Target.choose(Project.find(shell.folder), "mine").keep(made=True)
    unanswered = shell.inv("prodlocal.cleanup", "--profile", "mine")
    assert "the minikube profile mine" in unanswered.stderr
    assert shell.asked == []
    assert shell.inv("prodlocal.cleanup", "--profile", "mine", "--yes").returncode == 0
    assert shell.asked == ["--profile mine delete"]


def test_a_cleanup_where_nothing_is_left_says_so(shell: Shell) -> None:
    shell.minikube(status="")
    Target.choose(Project.find(shell.folder), "mine").keep(made=True)
    assert shell.inv("prodlocal.cleanup", "--profile", "mine", "--yes").returncode == 0
    again = shell.inv("prodlocal.cleanup", "--profile", "mine", "--yes")
    assert again.returncode == 0, again.stderr
    assert "no minikube profile mine: nothing to remove" in again.stderr
    assert shell.asked == ["--profile mine delete"]


def test_the_mistyped_build(shell: Shell) -> None:
    shell.minikube(status=RUNNING)
    done = shell.inv("prodlocal.dockerize", "--existing", "--no-cache")
    failed(done, 2, "`--existing` builds nothing")


def test_every_task_has_help(shell: Shell) -> None:
    for task in (
        "start",
        "stop",
        "restart",
        "status",
        "cleanup",
        "config",
        "dockerize",
        "images",
        "remove-image",
    ):
        done = shell.inv(f"prodlocal.{task}", "--help")
        assert done.returncode == 0
        assert "--profile" in done.stdout
