"""The folder that an image is built from: a copy of the project's tree without secrets, state and data."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gaiaflow
from gaiaflow.infra.environments import recipe
from gaiaflow.infra.environments.requirement import requirements
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.images import selection
from gaiaflow.project import Project

# Built things and data at the top of the tree; what no image has at any depth, secretfile says.
NOT_FOR_IMAGES = ("build", "dist", "venv", "data", "mlruns", "mlartifacts", "mlflow.db")
# Of no use to a function; a Dockerfile of the user's own may want them.
NOT_CODE = (
    "dags",
    "tests",
    "test",
    "docs",
    "notebooks",
    "bench",
    ".ci",
    ".github",
    ".dockerignore",
    "tasks.py",
)
# Of a conda environment in an image; /opt/venv leads there, and a worker's image has it at the same place.
CONDA_PREFIX = "/opt/env/project"


@contextmanager
def staged(project: Project, dockerfile: Path | None = None) -> Iterator[Path]:
    """A temporary folder to build from.

    Without a Dockerfile of the user's: ``code/`` is the tree, ``gaiaflow/`` the runner and the requirements.
    With one: the tree is the folder itself, and gaiaflow's files lie in ``.gaiaflow/``.
    """
    with tempfile.TemporaryDirectory(prefix="gaiaflow-build-") as name:
        folder = Path(name)
        code, own = (folder, ".gaiaflow") if dockerfile else (folder / "code", "gaiaflow")
        code.mkdir(exist_ok=True)
        copy_files(project.source, code, selection.files(project.source, _patterns(project, dockerfile)))
        (code / ".dockerignore").unlink(missing_ok=True)  # applied by now; again it could hide gaiaflow's files
        _add_own(project, folder / own)
        yield folder


def _patterns(project: Project, dockerfile: Path | None) -> list[str]:
    beside = [dockerfile.with_name(f"{dockerfile.name}.dockerignore")] if dockerfile else []
    files = [file for file in [*beside, project.source / ".dockerignore"] if file.is_file()]
    lines = files[0].read_text(encoding="utf-8").splitlines() if files else []
    own = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [*own, *(() if dockerfile else NOT_CODE), *NOT_FOR_IMAGES]


def copy_tree(source: Path, target: Path, patterns: list[str]) -> None:
    """Copy what the patterns leave; links stay links."""
    from docker.utils.build import exclude_paths

    found = sorted(exclude_paths(str(source), patterns))
    copy_files(source, target, (name for name in found if selection.is_file(source / name)))


def copy_files(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy files of a folder with the folders above them; links stay links."""
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, copy, follow_symlinks=False)


def open_to_all(folder: Path) -> None:
    """Let any user of the image read the copy; what a link leads to stays as it is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _add_own(project: Project, folder: Path) -> None:
    folder.mkdir()
    if source(project).is_conda:
        recipe.write(project, folder, "/mnt/gaiaflow", CONDA_PREFIX)
    else:
        (folder / "requirements.txt").write_text(requirements(project), encoding="utf-8")
    shutil.copyfile(Path(gaiaflow.__file__).with_name("runner.py"), folder / "runner.py")
    (folder / "runner.py").chmod(0o644)


def digest(folder: Path, *others: str) -> str:
    """Twelve hex digits that change with any name, mode or byte of the folder, and with the other texts."""
    seen = hashlib.sha256("\0".join(others).encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_symlink() or p.is_file()):
        kind = str(path.readlink()) if path.is_symlink() else f"{path.stat().st_mode & 0o111:o}"
        seen.update(f"\0{path.relative_to(folder)}\0{kind}\0".encode())
        if not path.is_symlink():
            seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()[:12]
