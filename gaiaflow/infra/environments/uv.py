"""uv, which makes environments: the one in gaiaflow's own environment."""

from __future__ import annotations

import os
import sys

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.host import disk, living, process
from gaiaflow.project import Project

TIMEOUT = 1800
_HINT = "see what uv says above; a proxy or index of yours goes into uv's own settings"
# What would make uv look at another environment, or at another project than this one.
_NOT_INHERITED = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")


def run(project: Project, *argv: str) -> str:
    """What uv prints on stdout.

    Raises:
        GaiaflowError: it failed; the message ends with what it said.
    """
    import uv

    kept = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    env = {**_compiled(), **kept, **living.mark(project.id)}
    try:
        return process.run([uv.find_uv_bin(), *argv], env=env, timeout=TIMEOUT, hint=_HINT).stdout
    except FileNotFoundError as error:
        raise GaiaflowError(f"uv is not in this environment: {error}", "make setup") from None
    except GaiaflowError as error:
        error.hint = disk.hint(error.message, error.hint)
        raise


def _compiled() -> dict[str, str]:
    """Where no process may write bytecode, each one would compile its packages again: uv does it once."""
    return {"UV_COMPILE_BYTECODE": "1"} if sys.flags.dont_write_bytecode else {}
