"""The project's environment of the Compose stack: made with uv in a volume, apart from Airflow's own packages.

Each make goes into a folder of its own and is switched to when it is whole, so that a change reaches the
running stack at once, takes away what went, and an interrupted one leaves nothing half-made in use.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.infra.environments import interpreter, recipe
from gaiaflow.infra.environments.description import PACKAGES, describe, packages
from gaiaflow.infra.environments.environment import LOCKS
from gaiaflow.infra.environments.pins import merge_pins
from gaiaflow.infra.environments.requirement import inputs, requirements
from gaiaflow.infra.environments.source import source
from gaiaflow.infra.host import living, privatefile, process
from gaiaflow.infra.images.engine import connect
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE
from gaiaflow.project import Project
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.composed.handover import hand_over

TIMEOUT = 1800
RECORD = "environment.json"
_REQUIREMENTS = "requirements"  # the folder of what goes into the container, and of what was made of it
_PROJECT = """
export UV_PYTHON_INSTALL_DIR=/opt/env/python
uv venv --quiet --python "$2" "/opt/env/$0"
if [ -s /opt/requirements/project.txt ]; then
  uv pip install --quiet --python "/opt/env/$0" $1 -r /opt/requirements/project.txt
fi
uv pip freeze --python "/opt/env/$0"
"""
_CONDA = """
export RATTLER_CACHE_DIR=/opt/env/cache/rattler
if [ -s /opt/requirements/auth.json ]; then export RATTLER_AUTH_FILE=/opt/requirements/auth.json; fi
uv venv --quiet --python python3 /tmp/rattler
uv pip install --quiet --python /tmp/rattler --require-hashes -r /opt/requirements/conda.txt
/tmp/rattler/bin/python -I /opt/requirements/solver.py /opt/requirements/install.json /tmp/outcome.json
if [ -s /tmp/gaiaflow-pins.txt ]; then
  uv pip install --quiet --python "/opt/env/$0/bin/python" --break-system-packages \
    $(cat /opt/requirements/pip.flags) -r /tmp/gaiaflow-pins.txt
fi
uv pip list --quiet --format freeze --python "/opt/env/$0/bin/python"
"""
# The one that was in use stays until the next time: something may still run in it.
_JUPYTER = """
cd /opt/requirements
uv pip install --quiet --python "/opt/env/$0/bin/python" --break-system-packages \
  -c constraints.txt -r jupyter.in
cp /opt/requirements/code.pth "$(echo "/opt/env/$0"/lib/python3.*/site-packages)/gaiaflow-project.pth"
before=$(readlink /opt/env/current || true)
ln -sfn "$0" /opt/env/next
mv -T /opt/env/next /opt/env/current
for old in /opt/env/*-*; do
  case ${old##*/} in "$0"|"$before") ;; *) rm -rf "$old" ;; esac
done
"""


def is_current(composition: Composition) -> bool:
    """Whether the environment was made of what the project asks for now."""
    return privatefile.read_json(composition.home / RECORD) == _wanted(composition)


def title(composition: Composition) -> str:
    """The environment in one line, as ``environment project: uv.lock, 12 packages``."""
    made = composition.home / _REQUIREMENTS if is_current(composition) else None
    return f"environment project: {describe(composition.project, made)}"


def ensure(composition: Composition) -> bool:
    """Make the environment unless it is current; whether anything was done.

    Raises:
        GaiaflowError: its packages could not be installed; the one in use stays.
    """
    if is_current(composition):
        return False
    name = f"{_stamp(composition)}-{secrets.token_hex(2)}"
    project, folder = composition.project, composition.folder(_REQUIREMENTS)
    text = requirements(project)
    privatefile.write(folder / "project.txt", text)
    if source(project).is_conda:
        recipe.write(project, folder, "/opt/requirements", f"/opt/env/{name}")
    privatefile.write(folder / "jupyter.in", (LOCKS / "jupyter.in").read_text(encoding="utf-8"))
    privatefile.write(folder / "code.pth", "".join(f"{path}\n" for path in project.code_paths))
    checked = "--require-hashes" if "--hash=" in text else "--no-config"
    script = _CONDA if source(project).is_conda else _PROJECT
    with _credentials(folder):
        hand_over(folder)
        frozen = _run(composition, script, name, checked, interpreter.wanted(project) or "python3")
    privatefile.write(folder / "constraints.txt", merge_pins(frozen, _jupyter_lock()))
    hand_over(folder)
    _run(composition, _JUPYTER, name)
    listed = _of_conda(project) if source(project).is_conda else frozen.splitlines()
    privatefile.write(folder / PACKAGES, "".join(f"{line}\n" for line in listed))
    privatefile.write_json(composition.home / RECORD, _wanted(composition))
    return True


@contextmanager
def _credentials(folder: Path) -> Iterator[None]:
    """rattler's tokens for private channels are in the folder only while the environment is made."""
    given, kept = Path(os.environ.get("RATTLER_AUTH_FILE", "")), folder / "auth.json"
    try:
        if given.is_file():
            privatefile.write(kept, given.read_text(encoding="utf-8"))
        yield
    finally:
        kept.unlink(missing_ok=True)


def _of_conda(project: Project) -> list[str]:
    """The packages of the environment here, which the recipe made of the same lock."""
    return packages(project.home / "envs" / "project")


def _run(composition: Composition, script: str, *arguments: str) -> str:
    command = composition.command(
        "run", "--rm", "--no-deps", "-T", "environment", "sh", "-ec", script, *arguments
    )
    hint = "see what uv says above, fix the project's dependencies, then: inv dev.update-deps"
    env = {**composition.variables(), **living.mark(composition.project.id)}
    return process.run(command, env=env, timeout=TIMEOUT, hint=hint).stdout


def _wanted(composition: Composition) -> dict[str, str]:
    return {"stamp": _stamp(composition), "volume": _volume_made(composition)}


def _stamp(composition: Composition) -> str:
    project = composition.project
    parts = [inputs(project), _jupyter_lock(), *map(str, project.code_paths)]
    parts.append(project.setting(envvar.PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _volume_made(composition: Composition) -> str:
    """When the volume was made; another one of the same name holds nothing."""
    from docker.errors import NotFound

    with closing(connect()) as client:
        try:
            return str(client.volumes.get(f"{composition.project.id}_environment").attrs["CreatedAt"])
        except NotFound:
            return ""


def _jupyter_lock() -> str:
    return (LOCKS / "jupyter.txt").read_text(encoding="utf-8")
