"""`inv project.adopt` in projects of several shapes: what is there stays byte for byte, what lacks comes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from gaiaflow.errors import GaiaflowError, MissingError, UsageError
from gaiaflow.project import Project
from gaiaflow.projects import adoption
from tests import forked_inv

ROOT = Path(__file__).parents[3]
PYPROJECT = (
    b"""# mine, with\tunusual   spacing\r\n[project]\r\nname = "Sea.Ice"\r\nversion = "3"\r\n[tool.black]\r\n"""
)
OWN = {
    "pyproject.toml": PYPROJECT,
    "Makefile": b"all:\n\techo mine\n",
    "src/sea_ice/__init__.py": b'"""Mine."""\n',
    "tests/test_mine.py": b"def test_mine():\n    pass\n",
    "tasks.py": b"import invoke\n",
    ".gitignore": b"*.log\n",
    "CHANGELOG.md": b"# mine\n",
    "notes.txt": b"\xff\xfe no text \x00",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in OWN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def inv(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return forked_inv.inv(folder, "--search-root", str(ROOT), *argv)


def kept(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_what_is_there_stays_byte_for_byte_and_the_rest_comes(project: Path) -> None:
    done = inv(project, "project.adopt", "--yes")
    assert done.returncode == 0, done.stderr
    after = kept(project)
    for name, content in OWN.items():
        if name not in {"pyproject.toml", ".gitignore"}:
            assert after[name] == content, name
    assert after["pyproject.toml"].startswith(PYPROJECT)
    assert after[".gitignore"] == OWN[".gitignore"] + b".env\n.gaiaflow/\n.venv-gaiaflow/\n"
    added = set(after) - set(OWN)
    assert {"dags/.gitkeep", "data/.gitkeep", "noxfile.py", "tests/test_dags.py", ".env.example"} <= added
    assert not {"README.md", "CHANGES.md", "requirements.lock", "sea_ice/__init__.py"} & added
    assert b"import sea_ice" in after["notebooks/mlflow_introduction.ipynb"]
    found = Project.find(project)
    assert (found.name, found.packages, found.dags.is_dir()) == ("sea-ice", ("sea_ice",), True)


def test_the_files_are_named_before_anything_is_asked(project: Path) -> None:
    done = inv(project, "project.adopt")
    assert (done.returncode, kept(project)) == (2, OWN), done.stderr
    assert "--yes" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "needed   pyproject.toml (2 lines at its end)"
    assert lines[1] == "         .gitignore (3 lines at its end)"
    assert lines[2] == "offered  .env (new)"
    assert "         noxfile.py (new)" in lines
    assert "+" not in {line[:1] for line in lines}


def test_a_line_that_lacks_its_end_is_not_counted_as_added(project: Path) -> None:
    (project / ".gitignore").write_text("*.pyc\n.env\n.venv-gaiaflow/")
    done = inv(project, "project.adopt", "--minimal")
    assert "         .gitignore (1 line at its end)\n" in done.stdout


def test_the_makefile_requires_this_gaiaflow_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    done = inv(tmp_path, "project.adopt", "--yes")
    requirement = f"gaiaflow @ {ROOT.as_uri()}"
    assert done.stderr.endswith(
        f"it requires {requirement}, from a clone that only this machine has\nnext: make dev\n"
    )
    assert f"REQUIREMENT := {requirement}\n" in (tmp_path / "Makefile").read_text()


def test_beside_a_makefile_of_its_own_it_says_what_to_install(project: Path) -> None:
    told = f"yours is from a clone that only this machine has:\n    pip install 'gaiaflow @ {ROOT.as_uri()}'\n"
    assert told in inv(project, "project.adopt", "--yes").stderr
    (project / "Makefile").write_text("setup:\n\tpip install gaiaflow==1.0.0\n")
    assert "pip install" not in inv(project, "project.adopt").stderr


def test_the_texts_are_shown_when_asked_for(project: Path) -> None:
    done = inv(project, "project.adopt", "--diff")
    assert (done.returncode, kept(project)) == (2, OWN), done.stderr
    assert "+++ noxfile.py" in done.stdout
    assert "+[tool.gaiaflow]" in done.stdout
    assert "+.gaiaflow/" in done.stdout
    assert "-" not in {line[:1] for line in done.stdout.splitlines() if not line.startswith("---")}


def test_the_least_is_the_table_tasks_and_what_git_ignores(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sea"\n')
    done = inv(tmp_path, "project.adopt", "--minimal", "--yes")
    assert done.returncode == 0, done.stderr
    assert set(kept(tmp_path)) == {"pyproject.toml", "tasks.py", ".gitignore"}
    assert "next: inv dev.start" in done.stderr
    assert Project.find(tmp_path).name == "sea"


class Terminal:
    """Answers for a command that asks on a terminal."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.folder, self.argv = folder, argv

    def answer(self, text: str) -> str:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
        parent, child = pty.openpty()
        command = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), *self.argv]
        process = subprocess.Popen(
            command, cwd=self.folder, env=env, stdin=child, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        os.close(child)
        os.write(parent, text.encode())
        told = process.communicate(timeout=60)[0].decode()
        os.close(parent)
        return told


def test_what_is_offered_can_be_declined(project: Path) -> None:
    told = Terminal(project, "project.adopt").answer("y\nn\n")
    assert "add what is needed? [y/N]" in told
    assert "add what is offered too? [y/N]" in told
    assert set(kept(project)) == set(OWN)
    assert b"[tool.gaiaflow]" in kept(project)["pyproject.toml"]


def test_nothing_is_added_without_consent(project: Path) -> None:
    Terminal(project, "project.adopt").answer("n\n")
    assert kept(project) == OWN


@pytest.mark.parametrize(
    ("files", "manager", "sign"),
    [
        ({"pixi.toml": "", "pyproject.toml": "[tool.uv]"}, "pixi", "pixi.toml"),
        ({"pyproject.toml": "[tool.pixi.workspace]\nchannels = []"}, "pixi", "[tool.pixi]"),
        ({"environment.yaml": ""}, "conda", "environment.yaml"),
        ({"pyproject.toml": '[tool.poetry]\nname = "Sea"'}, "poetry", "[tool.poetry]"),
        ({"pdm.lock": ""}, "pdm", "pdm.lock"),
        ({"uv.lock": "", "requirements.txt": ""}, "uv", "uv.lock"),
        ({"requirements.txt": ""}, "pip", "requirements.txt"),
        ({"x": ""}, "pip", ""),
    ],
)
def test_who_makes_the_environment_is_recognised_and_stays(
    tmp_path: Path, files: dict[str, str], manager: str, sign: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = adoption.plan(tmp_path)
    assert (found.environment.manager, found.environment.sign) == (manager, sign)
    told = inv(tmp_path, "project.adopt", "--yes").stderr
    assert (f"made by {manager} ({sign}) and stays as it is" in told) == bool(sign)
    for name, text in files.items():
        assert (tmp_path / name).read_text().startswith(text)


def test_poetrys_dependencies_have_to_be_exported(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "Sea"\n[tool.poetry.dependencies]\nx = "1"\n'
    )
    found = adoption.plan(tmp_path)
    assert any("poetry export --output requirements.lock" in advice for advice in found.advice)
    adoption.apply(found)
    assert Project.find(tmp_path).name == "sea"
    assert 'name = "sea"' in (tmp_path / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ("*.log", "\n.env\n.gaiaflow/\n"),
        ("/.gaiaflow\n", ".env\n"),
        (".gaiaflow/\n.env\n", ""),
    ],
)
def test_gitignore_gets_the_lines_that_it_lacks(tmp_path: Path, lines: str, added: str) -> None:
    (tmp_path / ".env").touch()
    (tmp_path / ".gitignore").write_text(lines)
    adoption.apply(adoption.plan(tmp_path, minimal=True))
    assert (tmp_path / ".gitignore").read_text() == lines + added


def test_what_only_a_person_can_change_is_said_ready_to_paste(project: Path) -> None:
    done = inv(project, "project.adopt", "--yes")
    assert "    from gaiaflow.lifecycle.namespace import namespace" in done.stderr
    assert 'dependencies:\n    "mlflow-skinny",\n    "boto3",\n' in done.stderr


def test_dry_writes_nothing(project: Path) -> None:
    done = inv(project, "--dry", "project.adopt", "--yes")
    assert (done.returncode, kept(project)) == (0, OWN)
    assert "would add" in done.stderr


def test_a_second_time_there_is_nothing_to_add(project: Path) -> None:
    adoption.apply(adoption.plan(project))
    after = kept(project)
    assert adoption.plan(project).additions == {}
    assert "nothing to add" in inv(project, "project.adopt").stderr
    assert kept(project) == after


def test_a_patch_of_the_difference_gives_the_same(project: Path, tmp_path: Path) -> None:
    found = adoption.plan(project)
    text = adoption.difference(found)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    apply = ["git", "apply", "-p0", "--check", "--whitespace=nowarn", "-"]
    subprocess.run(apply, cwd=project, input=text.encode(), check=True, timeout=30)


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "x"\n[tool]\nruff = {}\n[tool.black]\nline-length = 1',
        'tool = { ruff = {} }\n[project]\nname = "x"\n',
        '[project]\nname = "x"\n[[tool.mypy.overrides]]\nmodule = "y"\n',
        "",
    ],
)
def test_pyproject_gets_its_table_only_at_the_end(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    found = adoption.plan(tmp_path)
    if text.startswith("tool ="):
        assert "pyproject.toml" not in found.additions
        assert any("    [tool.gaiaflow]" in advice for advice in found.advice)
        return
    adoption.apply(found)
    assert (tmp_path / "pyproject.toml").read_text().startswith(text)
    assert Project.find(tmp_path).root == tmp_path


def test_a_table_that_is_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.gaiaflow]\nname = "mine"\n')
    found = adoption.plan(tmp_path)
    assert "pyproject.toml" not in found.additions


@pytest.mark.parametrize("file", ["pixi.toml", "environment.yml", "x"])
def test_gaiaflow_gets_an_environment_apart_and_theirs_stays(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("")
    found = adoption.plan(tmp_path, "sea")
    makefile = found.additions["Makefile"].decode()
    assert "VENV := .venv-gaiaflow\n" in makefile
    assert f"REQUIREMENT := gaiaflow @ {ROOT.as_uri()}\n" in makefile
    assert ".venv-gaiaflow/" in found.additions[".gitignore"].decode()
    assert not {"pixi.toml", "environment.yml"} & set(found.additions)


def test_without_pyproject_there_is_a_small_one(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    adoption.apply(adoption.plan(tmp_path, "sea"))
    assert Project.find(tmp_path).name == "sea"
    assert (tmp_path / "requirements.txt").read_text() == "numpy\n"
    assert "nox.project" not in (tmp_path / "noxfile.py").read_text()
    assert "lint" not in (tmp_path / "Makefile").read_text()


def test_what_cannot_be_adopted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no project"):
        adoption.plan(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool")
    with pytest.raises(GaiaflowError, match="cannot read"):
        adoption.plan(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    with pytest.raises(UsageError, match="not a valid project name"):
        adoption.plan(tmp_path, "sea ice")
