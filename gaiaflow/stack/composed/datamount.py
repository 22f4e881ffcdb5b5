"""The folders of data on the Compose stack: which of them tasks may mount, and how none becomes a link.

The engine follows a link in the source of a mount. A task of mode dev may write into the project, so it could
put a link to `/` in the place of a declared folder. In the containers that may write into the project, each
declared folder and each folder above it is therefore a mount of its own: the kernel renames and removes no
mount point.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gaiaflow import datafolder
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

# An overlay of compose.yml, in the folder of the files for Compose.
OVERLAY = "data.yml"
# The containers that may write into the project.
_WRITERS = ("airflow-scheduler", "jupyter")


def allowed(project: Project) -> str:
    """What the proxy lets tasks mount: the folders that are there now, as JSON."""
    return datafolder.encoded(_there(project))


def write(project: Project, home: Path, is_needed: bool) -> None:
    """Write the overlay, or remove it where no folder is declared or nothing may mount one."""
    import yaml

    file, held = home / OVERLAY, list(_held(project)) if is_needed else []
    if not held:
        file.unlink(missing_ok=True)
        return
    mounts = [{"type": "bind", "source": _literal(path), "target": _literal(path)} for path in held]
    overlay = {"services": {name: {"volumes": mounts} for name in _WRITERS}}
    privatefile.write(file, yaml.safe_dump(overlay, sort_keys=False))


def _there(project: Project) -> dict[str, datafolder.Folder]:
    return {name: folder for name, folder in project.data.items() if Path(folder.path).is_dir()}


def _held(project: Project) -> Iterator[Path]:
    """Each folder with those above it, up to the project's."""
    seen = set()
    for folder in _there(project).values():
        path = Path(folder.path)
        above = [outer for outer in path.parents if project.root in outer.parents]
        seen |= {path, *above}
    yield from sorted(seen)


def _literal(path: Path) -> str:
    """Compose puts variables in the place of ``$NAME``."""
    return str(path).replace("$", "$$")
