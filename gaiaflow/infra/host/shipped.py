"""Where the files that come with gaiaflow and are no Python lie: compose/ and minikube/."""

from __future__ import annotations

from pathlib import Path

import gaiaflow
from gaiaflow.errors import MissingError


def shipped(name: str) -> Path:
    """The folder of that name, in an installed gaiaflow or in a clone.

    Raises:
        MissingError: neither has it.
    """
    package = Path(gaiaflow.__file__).resolve().parent
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise MissingError(
        f"gaiaflow's own folder `{name}` is missing: the installation is incomplete",
        "pip install --force-reinstall gaiaflow",
    )
