"""The project's environment of the composed stack: made with uv in a volume, apart from Airflow's own packages.

Each make goes into a folder of its own and is switched to when it is whole, so that a change reaches the
running stack at once, takes away what went, and an interrupted one leaves nothing half-made in use.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import closing

from gaiaflow.infra.environments.pins import merge_pins
from gaiaflow.infra.host import living as orphan, privatefile, process
from gaiaflow.infra.host.environment import LOCKS
from gaiaflow.infra.host.requirement import inputs, requirements
from gaiaflow.infra.images.engine import connect
from gaiaflow.infra.images.image import DEFAULT_PYTHON_IMAGE, PYTHON_IMAGE
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.composed.handover import hand_over

TIMEOUT = 1800
RECORD = "environment.json"
_PROJECT = """
uv venv --quiet --python python3 "/opt/env/$0"
if [ -s /opt/requirements/project.txt ]; then
  uv pip install --quiet --python "/opt/env/$0" $1 -r /opt/requirements/project.txt
fi
uv pip freeze --python "/opt/env/$0"
"""
# The one that was in use stays until the next time: something may still run in it.
_JUPYTER = """
cd /opt/requirements
uv pip install --quiet --python "/opt/env/$0" -c constraints.txt -r jupyter.in
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


def ensure(composition: Composition) -> bool:
    """Make the environment unless it is current; whether anything was done.

    Raises:
        GaiaflowError: its packages could not be installed; the one in use stays.
    """
    if is_current(composition):
        return False
    name = f"{_stamp(composition)}-{secrets.token_hex(2)}"
    text = requirements(composition.project)
    folder = composition.folder("requirements")
    privatefile.write(folder / "project.txt", text)
    privatefile.write(folder / "jupyter.in", (LOCKS / "jupyter.in").read_text(encoding="utf-8"))
    privatefile.write(folder / "code.pth", "".join(f"{path}\n" for path in composition.project.code_paths))
    hand_over(folder)
    frozen = _run(composition, _PROJECT, name, "--require-hashes" if "--hash=" in text else "--no-config")
    privatefile.write(folder / "constraints.txt", merge_pins(frozen, _jupyter_lock()))
    hand_over(folder)
    _run(composition, _JUPYTER, name)
    privatefile.write_json(composition.home / RECORD, _wanted(composition))
    return True


def _run(composition: Composition, script: str, *arguments: str) -> str:
    command = composition.command(
        "run", "--rm", "--no-deps", "-T", "environment", "sh", "-ec", script, *arguments
    )
    hint = "see what uv says above, mend the project's dependencies, then: inv dev.update-deps"
    env = {**composition.variables(), **orphan.mark(composition.project.id)}
    return process.run(command, env=env, timeout=TIMEOUT, hint=hint).stdout


def _wanted(composition: Composition) -> dict[str, str]:
    return {"stamp": _stamp(composition), "volume": _volume_made(composition)}


def _stamp(composition: Composition) -> str:
    project = composition.project
    parts = [inputs(project), _jupyter_lock(), *map(str, project.code_paths)]
    parts.append(project.setting(PYTHON_IMAGE, DEFAULT_PYTHON_IMAGE))
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
