"""gaiaflow as a user installs it: the wheel in a project elsewhere, with a tasks.py of three lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = "from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n"


def run(*command: str | Path, cwd: Path) -> str:
    """A command that must succeed, away from this clone."""
    outside = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=outside,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = uv_program()
    folder = tmp_path_factory.mktemp("wheel")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


def uv_program() -> str:
    import uv

    return uv.find_uv_bin()


def test_the_wheel_carries_what_the_clone_has(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tracked = run("git", "ls-files", "compose", "minikube", "gaiaflow/infra/locks", cwd=ROOT)
    for name in tracked.split():
        carried = f"gaiaflow/_data/{name}" if name.startswith(("compose", "minikube")) else name
        assert carried in names
    assert "gaiaflow/py.typed" in names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert not [name for name in names if name.startswith("gaiaflow/example")]
    template = run("git", "ls-files", "-z", "copier.yml", "gaiaflow/template", cwd=ROOT).split("\0")[:-1]
    assert {f"gaiaflow/_data/template/{name}" for name in template} <= set(names)
    assert not [n for n in names if ".env" in Path(n).name and not n.endswith((".example", ".jinja"))]


def test_a_project_elsewhere_works_without_a_clone(wheel: Path, tmp_path: Path) -> None:
    env, project = tmp_path / "env", tmp_path / "mine"
    (project / "dags").mkdir(parents=True)
    (project / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n[tool.gaiaflow]\n')
    (project / "tasks.py").write_text(TASKS)
    uv = uv_program()
    run(uv, "venv", "--quiet", "--python", sys.executable, env, cwd=tmp_path)
    python = env / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, wheel, cwd=tmp_path)
    assert "dev.start" in run(env / "bin" / "inv", "--list", cwd=project)
    status = json.loads(run(env / "bin" / "inv", "dev.status", "--json", cwd=project))
    assert {s["state"] for s in status["services"].values()} == {"stopped"}
    where = "import gaiaflow.infra.host.shipped as s; print(s.shipped('minikube'), s.shipped('compose'))"
    assert run(python, "-c", where, cwd=project).count("_data") == 2
    run(env / "bin" / "inv", "project.new", tmp_path / "new", "--defaults", "--examples=no", cwd=project)
    made, example = tmp_path / "new", ROOT / "gaiaflow" / "example"
    assert (made / "tasks.py").read_bytes() == (example / "tasks.py").read_bytes()
