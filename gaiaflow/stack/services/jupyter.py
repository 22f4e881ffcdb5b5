"""JupyterLab of the embedded stack: with the project's environment, on the project's folder, behind a token."""

from __future__ import annotations

import os

from gaiaflow import envvar
from gaiaflow.endpoints import LOOPBACK
from gaiaflow.stack.services.program import Program, Stack


def programs(stack: Stack) -> list[Program]:
    folder = stack.folder("jupyter")
    argv = [stack.python("jupyter"), "-m", "jupyterlab", "--no-browser"]
    argv += [f"--ServerApp.ip={LOOPBACK}", f"--ServerApp.port={stack.ports['jupyter']}"]
    argv += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={stack.project.source}"]
    argv += ["--ServerApp.allow_remote_access=False", "--LabApp.news_url=None"]
    argv += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if os.geteuid() == 0:
        argv.append("--allow-root")
    env = {
        **stack.environment("jupyter"),
        **stack.task_environment(),
        "JUPYTER_TOKEN": stack.keys.jupyter_token,
        "JUPYTER_CONFIG_DIR": str(stack.folder("jupyter", "config")),
        "JUPYTER_DATA_DIR": str(stack.folder("jupyter", "data")),
        "JUPYTER_RUNTIME_DIR": str(stack.folder("jupyter", "runtime")),
        envvar.MODE: "dev",
    }
    return [Program("jupyter", argv, env, folder, private=False)]
