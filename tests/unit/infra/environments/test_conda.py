"""conda's errors, locks, and the kernel of an environment that is not ours; solves are tested with rattler."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.environments import conda, kernel, lockfile, locking, recipe, uv
from gaiaflow.infra.environments.source import source
from gaiaflow.project import Project

SAYS = "import json, sys; json.dump({told!r}, open(sys.argv[-1], 'w'))"


def tools(project: Project, told: dict[str, str]) -> conda.Tools:
    """A stand-in for rattler's environment that answers the same to all."""
    fake = project.root / "python"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{SAYS.format(told=told)}" "$@"\n')
    fake.chmod(0o755)
    return conda.Tools(project, fake)


def test_rattlers_reason_is_the_error(project: Project) -> None:
    (project.root / "environment.yml").write_text("dependencies: [nosuch]\n")
    with pytest.raises(GaiaflowError) as caught:
        conda.solved(tools(project, {"error": "no nosuch"}), source(project))
    assert caught.value.message == "cannot solve the conda environment: no nosuch"
    assert caught.value.hint == (
        "change the channels or the versions in the file that asks for them, then: inv dev.update-deps"
    )
    assert not list((project.home / "solves").iterdir())


def test_a_rattler_that_dies_is_told(project: Project) -> None:
    with pytest.raises(GaiaflowError) as caught:
        conda.Tools(project, Path("/bin/false")).ask(do="install", seconds=5)
    assert caught.value.message == "cannot install the conda packages: rattler ended with 1"
    assert caught.value.hint == "see whether the channels have what the lock names, then: inv dev.update-deps"


def test_a_full_disk_is_one_line_and_has_its_own_hint(project: Project) -> None:
    full = project.root / "python"
    full.write_text(
        "#!/bin/sh\necho 'Traceback' >&2\necho 'OSError: [Errno 28] No space left on device' >&2\nexit 1\n"
    )
    full.chmod(0o755)
    with pytest.raises(GaiaflowError) as caught:
        conda.Tools(project, full).ask(do="solve", seconds=5)
    assert caught.value.message == (
        "cannot solve the conda environment: rattler ended with 1: OSError: [Errno 28] No space left on device"
    )
    assert caught.value.hint == "free some space: df -h"


@pytest.mark.parametrize("place", ["file:///channel", "/channel", "../channel"])
def test_a_channel_of_this_machine_makes_no_image(
    project: Project, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(recipe, "ensure_environment", lambda *_: Path("/bin/false"))
    (project.root / "environment.yml").write_text("dependencies: [greet]\n")
    found = source(project)
    text = f"- conda: https://c/noarch/six-1-0.conda\n- conda: {place}/noarch/greet-1.0-0.conda\n"
    lockfile.write(found.solved, text, conda.made_of(project, found), [])
    with pytest.raises(UsageError) as caught:
        recipe.write(project, project.root, "/mnt", "/opt/env")
    assert caught.value.message == (
        f"`{place}/noarch/greet-1.0-0.conda` is in a channel of this machine, "
        "which images and containers do not have"
    )
    assert caught.value.hint == "use a channel that they can reach, e.g. https://, s3:// or oci://"


def test_a_machine_that_conda_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(GaiaflowError) as caught:
        conda.subdir()
    assert caught.value.message == f"conda has no packages for {platform.system()} vax"
    assert caught.value.hint == "work on Linux or macOS"


def test_a_mac_solves_for_its_images_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert conda.subdirs() == ["osx-arm64", "linux-aarch64"]


def test_a_lock_of_pixi_is_not_ours_to_write(project: Project) -> None:
    (project.root / "pixi.lock").write_text("version: 7\n")
    with pytest.raises(GaiaflowError) as caught:
        locking.write_lock(project)
    assert caught.value.message == "only pixi can write `pixi.lock`"
    assert caught.value.hint == "pixi lock"


def test_nothing_to_lock(project: Project) -> None:
    (project.root / "requirements.lock").write_text("six==1.17.0\n")
    with pytest.raises(GaiaflowError) as caught:
        locking.write_lock(project)
    assert caught.value.message == (
        "nothing to lock: no file lists the packages that `requirements.lock` would pin"
    )
    assert caught.value.hint == (
        "add `dependencies` to [project] in pyproject.toml, then: inv dev.update-deps --lock"
    )


@pytest.mark.parametrize(
    ("files", "call"),
    [
        ({"requirements.txt": "six\n"}, ["pip", "compile"]),
        ({"uv.lock": "version = 1\n"}, ["lock", "--quiet"]),
    ],
)
def test_uv_locks_what_is_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], call: list[str]
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(uv, "run", lambda _, *argv: calls.append(argv))
    for name, text in files.items():
        (project.root / name).write_text(text)
    locking.write_lock(project, upgrade=True)
    ((*found,),) = calls
    assert found[:2] == call
    assert "--upgrade" in found


def test_the_kernel_of_an_environment_without_ipykernel(project: Project, tmp_path: Path) -> None:
    """What stands in for an ipykernel lies beside; the environment's own packages come first on sys.path."""
    python = tmp_path / "own" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "own"], check=True)
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "ipykernel_launcher.py").write_text("import sys, own; print(own.WHERE, sys.argv[1:])\n")
    (beside / "own.py").write_text("WHERE = 'beside'\n")
    packages = next((tmp_path / "own" / "lib").glob("python3*/site-packages"))
    (packages / "own.py").write_text("WHERE = 'own'\n")
    argv = [python, "-c", kernel._BESIDE, beside, "-f", "x"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "own ['-f', 'x']", done.stderr


def test_the_kernel_runs_the_projects_python(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_has_ipykernel", lambda _: True)
    python = tmp_path / "own" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / "own" / "gaiaflow-activation.json").write_text('{"PROJ_DATA": "/x"}')
    spec = json.loads(kernel.ensure(project, python, tmp_path / "jupyter").read_text())
    assert spec["argv"][:3] == [str(python), "-m", "ipykernel_launcher"]
    assert spec["env"]["PROJ_DATA"] == "/x"
    assert spec["env"]["PYTHONPATH"] == str(project.root)
    assert spec["env"]["PATH"].startswith(f"{python.parent}:")
