"""The environments: what makes one current, what JupyterLab adds to a project's pins, the locks."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.environments import environment, uv
from gaiaflow.infra.environments.pins import merge_pins
from gaiaflow.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    text = '[project]\nname = "demo"\ndependencies = ["requests>=2"]\n[tool.gaiaflow]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    return Project.find(tmp_path)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for uv: note each call, and make what `uv venv` makes."""
    calls: list[list[str]] = []

    def run(_project: Project, *argv: str) -> str:
        calls.append(list(argv))
        if argv[0] == "venv":
            folder = Path(argv[-1])
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").touch()
            (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        return ""

    monkeypatch.setattr(uv, "run", run)
    return calls


def test_the_second_time_does_nothing(project: Project, record: list[list[str]]) -> None:
    environment.ensure_environment(project, "services")
    made = len(record)
    assert made > 0
    environment.ensure_environment(project, "services")
    assert len(record) == made


def test_a_half_made_environment_is_made_again(project: Project, record: list[list[str]]) -> None:
    environment.ensure_environment(project, "services")
    made = len(record)
    (project.home / "envs" / "services" / "stamp").unlink()
    assert "services" in environment.missing(project)
    environment.ensure_environment(project, "services")
    assert len(record) == 2 * made
    assert "services" not in environment.missing(project)


def test_a_failed_build_leaves_the_old_environment(
    project: Project, record: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = environment.ensure_environment(project, "services")
    monkeypatch.setattr(environment, "_lock", lambda name: "another lock")

    def fails(project: Project, folder: Path, requirements: Path) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(environment, "_install", fails)
    with pytest.raises(RuntimeError):
        environment.ensure_environment(project, "services")
    assert python.exists()
    assert environment._made(python.parents[1]) == []


def test_what_runs_in_an_environment_keeps_it_whole_until_nothing_runs(
    project: Project, record: list[list[str]]
) -> None:
    """A new one is made beside it under another name; the old one goes with `prune`."""
    python = environment.ensure_environment(project, "project")
    running = environment.settled(python)
    (running.parents[1] / "package.py").write_text("old")
    project.lock.write_text("requests==2.32.0 --hash=sha256:00\n")
    assert environment.ensure_environment(project, "project") == python
    again = environment.settled(python)
    assert again != running
    assert (running.is_file(), again.is_file()) == (True, True)
    assert (running.parents[1] / "package.py").read_text() == "old"
    environment.prune(project)
    assert (running.exists(), again.is_file(), python.is_file()) == (False, True, True)
    assert "project" not in environment.missing(project)


def test_an_environment_of_an_earlier_gaiaflow_is_taken_on(project: Project, record: list[list[str]]) -> None:
    python = environment.ensure_environment(project, "services")
    folder = python.parents[1]
    made = folder.resolve()
    folder.unlink()
    made.rename(folder)
    assert "services" not in environment.missing(project)
    (folder / "stamp").write_text("of an earlier lock")
    environment.ensure_environment(project, "services")
    assert folder.is_symlink()
    assert "services" not in environment.missing(project)
    environment.prune(project)
    assert sorted(path.name for path in folder.parent.glob("services*")) == [
        "services",
        folder.readlink().name,
        "services.lock",
    ]


def test_what_a_killed_run_left_goes_with_the_next_one(project: Project, record: list[list[str]]) -> None:
    half = project.home / "envs" / "services-0123abcd"
    other = project.home / "envs" / "services-of-mine"
    for folder in (half, other):
        (folder / "bin").mkdir(parents=True)
    environment.ensure_environment(project, "services")
    environment.prune(project)
    assert (half.exists(), other.exists()) == (False, True)


def test_a_disk_that_is_full_at_the_very_end_leaves_the_old_environment(
    project: Project, record: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = environment.ensure_environment(project, "services").parents[1] / "stamp"
    before = stamp.read_text()
    monkeypatch.setattr(environment, "_lock", lambda name: "another lock")

    def full(path: Path, text: str) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(environment.privatefile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        environment.ensure_environment(project, "services")
    assert stamp.read_text() == before
    assert environment._made(stamp.parent) == []


def test_uvs_full_disk_has_its_own_hint(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "uv"
    fake.write_text("#!/bin/sh\necho 'error: No space left on device (os error 28)' >&2\nexit 2\n")
    fake.chmod(0o755)
    monkeypatch.setitem(sys.modules, "uv", cast(Any, SimpleNamespace(find_uv_bin=lambda: str(fake))))
    with pytest.raises(GaiaflowError) as caught:
        uv.run(project, "venv")
    assert caught.value.message.endswith("ended with 2:\nerror: No space left on device (os error 28)")
    assert caught.value.hint == "free some space: df -h"


@pytest.mark.parametrize(
    ("flag", "told"), [("-B", "1"), ("", "")], ids=["no process writes it", "processes do"]
)
def test_uv_writes_the_bytecode_that_no_process_may_write(
    project: Project, tmp_path: Path, flag: str, told: str
) -> None:
    fake = tmp_path / "uv"
    fake.write_text('#!/bin/sh\nprintf %s "$UV_COMPILE_BYTECODE"\n')
    fake.chmod(0o755)
    code = (
        "import sys, types; from pathlib import Path; from gaiaflow.project import Project; "
        "from gaiaflow.infra.environments import uv; "
        f"sys.modules['uv'] = types.SimpleNamespace(find_uv_bin=lambda: {str(fake)!r}); "
        f"print(uv.run(Project.find(Path({str(project.root)!r})), 'venv'), end='')"
    )
    argv = [sys.executable, *filter(None, [flag]), "-c", code]
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "UV_COMPILE_BYTECODE")}
    assert subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout == told


def test_a_changed_lock_makes_the_project_environment_again(project: Project, record: list[list[str]]) -> None:
    environment.ensure_environment(project, "project")
    made = len(record)
    project.lock.write_text("requests==2.32.0 --hash=sha256:00\n")
    environment.ensure_environment(project, "project")
    again = record[made:]
    assert any("--require-hashes" in call for call in again)


def test_airflow_imports_gaiaflow_from_where_it_lies(project: Project, record: list[list[str]]) -> None:
    python = environment.ensure_environment(project, "airflow")
    link = next((python.parents[1] / "lib").glob("python3.*/site-packages")) / "gaiaflow"
    assert (link / "project.py").is_file()


def test_the_project_is_imported_live(project: Project, record: list[list[str]]) -> None:
    python = environment.ensure_environment(project, "project")
    packages = next((python.parents[1] / "lib").glob("python3.*/site-packages"))
    assert (packages / "gaiaflow-project.pth").read_text() == f"{project.root}\n"


def test_an_unknown_environment_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        environment.ensure_environment(project, "nosuch")


def test_the_first_file_wins_where_both_pin_a_package() -> None:
    first = "PyZMQ==25.0\nnumpy==2.0\n"
    second = "pyzmq==27.1 \\\n    --hash=sha256:aa\n"
    second += "jupyterlab==4.6.6 ; python_version > '3' \\\n    --hash=sha256:bb\n"
    merged = merge_pins(first, second)
    assert merged == "PyZMQ==25.0\nnumpy==2.0\njupyterlab==4.6.6 ; python_version > '3'\n"


@pytest.mark.parametrize("name", ["uv", "tools", "airflow", "services", "jupyter", "conda"])
def test_every_package_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    text = (environment.LOCKS / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[\w.\[\]-]+==", block), block
        assert "--hash=sha256:" in block
    assert "://" not in text


def test_uv_is_the_same_in_both_locks() -> None:
    locks = [(environment.LOCKS / f"{name}.txt").read_text() for name in ("uv", "tools")]
    pins = [re.findall(r"^uv==\S+", text, re.MULTILINE) for text in locks]
    assert len(pins[0]) == 1
    assert pins[0] == pins[1]


PLUGIN = "[airflow.plugins]\ndagfactory = dagfactory.plugin:DagFactoryPlugin\n"
SCRIPTS = "[console_scripts]\ndagfactory = dagfactory.__main__:app\n"


@pytest.mark.parametrize("text", [f"{SCRIPTS}\n{PLUGIN}", f"{PLUGIN}\n{SCRIPTS}"])
def test_dag_factorys_plugin_is_taken_out_and_not_of_uvs_cache(
    project: Project, record: list[list[str]], tmp_path: Path, text: str
) -> None:
    environment.ensure_environment(project, "airflow")
    packages = next((project.home / "envs" / "airflow" / "lib").glob("python3.*/site-packages"))
    cached, info = tmp_path / "cached", packages / "dag_factory-1.1.0.dist-info"
    cached.write_text(text)
    info.mkdir()
    (info / "entry_points.txt").hardlink_to(cached)
    environment.ensure_environment(project, "airflow")
    assert (info / "entry_points.txt").read_text().strip() == SCRIPTS.strip()
    assert cached.read_text() == text


@pytest.mark.parametrize("text", [f"{SCRIPTS}\n{PLUGIN}", f"{PLUGIN}\n{SCRIPTS}"])
def test_the_image_takes_it_out_too(tmp_path: Path, text: str) -> None:
    dockerfile = (Path(__file__).parents[4] / "compose" / "Dockerfile").read_text()
    (expression,) = re.findall(r"sed -i '([^']+)' \S+dag_factory", dockerfile)
    (tmp_path / "entry_points.txt").write_text(text)
    subprocess.run(["sed", "-i", expression, str(tmp_path / "entry_points.txt")], check=True)
    assert (tmp_path / "entry_points.txt").read_text().strip() == SCRIPTS.strip()
