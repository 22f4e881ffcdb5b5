"""The kernel that gives JupyterLab the project's Python, where JupyterLab has an environment of its own.

Nothing is installed into the project's environment: a missing ipykernel is in a folder beside it, behind
its own packages on sys.path and of versions that fit them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from gaiaflow.infra.environments import interpreter, uv
from gaiaflow.infra.host import privatefile, process
from gaiaflow.project import Project
from gaiaflow.runner import ACTIVATION

FOLDER = "kernel"
_BESIDE = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('ipykernel_launcher', run_name='__main__')"
)


def ensure(project: Project, python: Path, jupyter: Path) -> Path:
    """Write the kernel of the project's Python into JupyterLab's environment; its file.

    Raises:
        GaiaflowError: no ipykernel fits the packages of the project's environment.
    """
    start = (
        ["-m", "ipykernel_launcher"]
        if _has_ipykernel(python)
        else ["-c", _BESIDE, str(_beside(project, python))]
    )
    spec = {
        "argv": [str(python), *start, "-f", "{connection_file}"],
        "display_name": f"Python 3 ({project.name})",
        "language": "python",
        "metadata": {"debugger": True},
        "env": _variables(project, python),
    }
    file = jupyter / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # it may be a hard link into uv's cache
    file.write_text(json.dumps(spec, indent=1), encoding="utf-8")
    return file


def _variables(project: Project, python: Path) -> dict[str, str]:
    activation = privatefile.read_json(python.parents[1] / ACTIVATION)
    return {
        **activation,
        "PATH": f"{python.parent}{os.pathsep}${{PATH}}",
        "PYTHONPATH": os.pathsep.join(map(str, project.code_paths)),
    }


def _has_ipykernel(python: Path) -> bool:
    return process.run([python, "-c", "import ipykernel"], timeout=60, check=False).code == 0


def _beside(project: Project, python: Path) -> Path:
    frozen = uv.run(project, "pip", "freeze", "--python", str(python))
    folder = project.home / "envs" / FOLDER
    stamp = hashlib.sha256(f"{python}\0{interpreter.version(python)}\0{frozen}".encode()).hexdigest()
    kept = folder / "stamp"
    if kept.is_file() and kept.read_text(encoding="utf-8") == stamp:
        return folder
    made = folder.with_name(f"{FOLDER}.new")
    with privatefile.whole(made):
        privatefile.folder(made)
        pins = "".join(f"{line}\n" for line in frozen.splitlines() if "==" in line)
        constraints = privatefile.write(made / "constraints.txt", pins)
        uv.run(project, "pip", "install", "--python", str(python), "--target", str(made), "--constraint",
               str(constraints), "ipykernel")  # fmt: skip
        privatefile.write(made / "stamp", stamp)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder
