"""conda and pixi projects, with rattler's real solver and installer on a channel that lies on this disk."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import environment, lockfile
from gaiaflow.infra.environments.description import describe
from gaiaflow.infra.environments.locking import write_lock
from gaiaflow.infra.environments.source import source
from gaiaflow.project import Project
from gaiaflow.runner import ACTIVATION
from tests import conda_channel

PROGRAM = (
    "import greet, sys, json; print(json.dumps([greet.VERSION, greet.greeting(), list(sys.version_info[:2])]))"
)


def project_in(folder: Path, **files: str) -> Project:
    (folder / "pyproject.toml").write_text(files.pop("pyproject", "[tool.gaiaflow]\nname = 'demo'\n"))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return Project.find(folder)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel")
    tools = environment.ensure_environment(project_in(tmp_path_factory.mktemp("tools")), "conda")
    return conda_channel.make(folder, str(tools))


def manifest(channel: Path, *dependencies: str, pip: str = "") -> str:
    lines = [f"channels:\n  - {channel.as_uri()}\ndependencies:\n", *(f"  - {item}\n" for item in dependencies)]
    return "".join([*lines, f"  - pip:\n    - {pip}\n" if pip else ""])


def run(project: Project) -> list[object]:
    python = environment.ensure_environment(project, "project")
    done = subprocess.run([python, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


def refused(project: Project) -> str:
    with pytest.raises(GaiaflowError) as caught:
        environment.ensure_environment(project, "project")
    assert not (project.home / "envs" / "project").exists()
    assert not list((project.home / "envs").glob("project-*"))
    return caught.value.message


def test_environment_yml_is_solved_once_and_installed(channel: Path, tmp_path: Path) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "python", "greet=1.0", pip="six==1.17.0"))
    assert environment.title(project, "project") == "environment project: environment.yml, 1 channel"
    version = list(sys.version_info[:2])
    assert run(project) == ["1.0", 1, version]
    assert describe(project, project.home / "envs" / "project") == "environment.yml, 1 channel, 4 packages"
    assert json.loads((project.home / "envs" / "project" / ACTIVATION).read_text())["GREET_DATA"].endswith(
        "greet"
    )
    (kept,) = (project.home / "solves").glob("*.lock")
    assert lockfile.read(kept).pip == ["six==1.17.0"]  # type: ignore[union-attr]
    before = kept.stat().st_mtime_ns
    (project.home / "envs" / "project" / "stamp").unlink()
    assert run(project) == ["1.0", 1, version]
    assert kept.stat().st_mtime_ns == before
    assert environment.missing(project) == ["airflow", "services", "jupyter"]


def test_a_changed_file_is_solved_again_and_the_old_environment_goes_when_nothing_runs(
    channel: Path, tmp_path: Path
) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "greet=1.0"))
    assert run(project)[0] == "1.0"
    old = (project.home / "envs" / "project").resolve()
    project_in(tmp_path, environment__yml=manifest(channel, "greet"))
    assert run(project)[0] == "2.0"
    assert old.exists()
    environment.prune(project)
    assert not old.exists()


def test_a_lock_beside_the_file_holds(channel: Path, tmp_path: Path) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "greet <2", pip="six"))
    lock = write_lock(project)
    assert lock == tmp_path / "environment.lock"
    text = lock.read_text()
    assert "# pip: six==" in text
    assert "--hash=sha256:" in text
    moved = tmp_path / "clone"
    moved.mkdir()
    clone = project_in(moved, environment__yml=manifest(channel, "greet <2", pip="six"), environment__lock=text)
    assert run(clone)[0] == "1.0"
    assert not list((clone.home / "solves").glob("*.lock"))
    project_in(moved, environment__yml=manifest(channel, "greet", pip="six"))
    assert describe(clone) == "environment.yml, 1 channel, its lock is older: inv dev.update-deps --lock"
    assert run(clone)[0] == "2.0"
    write_lock(clone)
    assert describe(clone) == "environment.yml, 1 channel"


def test_pixi_lock_is_taken_as_it_is(channel: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    solved = write_lock(project_in(first, environment__yml=manifest(channel, "greet=1.0"))).read_text()
    project = project_in(tmp_path, pixi__lock=solved, environment__yml=manifest(channel, "greet=2.0"))
    assert source(project).name == "pixi.lock"
    assert run(project)[0] == "1.0"


def test_pixi_toml_is_solved(channel: Path, tmp_path: Path) -> None:
    text = f'[workspace]\nchannels = ["{channel.as_uri()}"]\nplatforms = ["linux-64"]\n[dependencies]\n'
    text += 'greet = "1.0.*"\n[pypi-dependencies]\nsix = "==1.17.0"\ndemo = { path = ".", editable = true }\n'
    project = project_in(tmp_path, pixi__toml=text)
    assert run(project)[0] == "1.0"
    packages = (project.home / "envs" / "project" / "packages.txt").read_text().split()
    assert {"greet=1.0", "libgreet=1.0", "six==1.17.0"} <= set(packages)


@pytest.mark.parametrize(
    ("dependencies", "reason"),
    [
        (("nosuch",), "No candidates were found for nosuch"),
        (("north", "south"), "libgreet 1.*, which cannot be installed"),
    ],
)
def test_what_cannot_be_solved_is_told_with_the_solvers_reason(
    channel: Path, tmp_path: Path, dependencies: tuple[str, ...], reason: str
) -> None:
    message = refused(project_in(tmp_path, environment__yml=manifest(channel, *dependencies)))
    assert message.startswith("cannot solve the conda environment: ")
    assert reason in message


def test_pip_cannot_change_what_conda_put_there(channel: Path, tmp_path: Path) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "greet=1.0", pip="greet==2.0"))
    assert "greet==2.0" in refused(project)


def test_a_broken_lock(tmp_path: Path) -> None:
    message = refused(project_in(tmp_path, pixi__lock="version: 7\nenvironments: [\n"))
    assert message.startswith("cannot install the conda packages: ")


def test_a_missing_package_file_leaves_the_old_environment(channel: Path, tmp_path: Path) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "greet=1.0"))
    assert run(project)[0] == "1.0"
    lock = write_lock(project).read_text()
    (tmp_path / "environment.yml").unlink()
    (tmp_path / "pixi.lock").write_text(lock.replace("greet-1.0-0", "greet-9.0-0"))
    with pytest.raises(GaiaflowError, match="cannot install the conda packages"):
        environment.ensure_environment(project, "project")
    python = project.home / "envs" / "project" / "bin" / "python"
    assert subprocess.run([python, "-c", "import greet"], check=False).returncode == 0


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A disk of our own; skipped where this user may not mount."""
    folder.mkdir(mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1g,mode=0700", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leave(folder: Path, free: int) -> None:
    """Let a disk have so many bytes free."""
    found = os.statvfs(folder)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    subprocess.run(["mount", "-o", f"remount,size={used + free}", folder], check=True)


def test_a_disk_that_fills_while_it_is_solved_and_installed(
    channel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_in(tmp_path, environment__yml=manifest(channel, "greet=1.0", pip="six"))
    with disk(tmp_path / ".gaiaflow") as home, disk(tmp_path / "cache") as cache:
        monkeypatch.setenv("RATTLER_CACHE_DIR", str(cache))
        environment.ensure_environment(project, "conda")
        leave(home, 5_000)
        assert refused(project).startswith("cannot solve the conda environment: ")
        for free in (100_000, 10_000_000):
            leave(home, free)
            message = refused(project)
            assert message.startswith("cannot install the conda packages: ")
            assert message.endswith("No space left on device")
        leave(home, 500_000_000)
        shutil.rmtree(cache / "pkgs")
        leave(cache, 1_000_000)
        assert "No space left on device" in refused(project)
        leave(cache, 500_000_000)
        assert run(project)[0] == "1.0"


@pytest.fixture
def stalling() -> Iterator[str]:
    """A server that takes a request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/channel"
        for one in held:
            one.close()


def test_a_channel_that_stalls(stalling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_CHANNEL_SECONDS", "3")
    text = f"channels:\n  - {stalling}\ndependencies:\n  - python\n"
    message = refused(project_in(tmp_path, environment__yml=text))
    assert message == f"cannot solve the conda environment: no answer within 3 s from {stalling}"
