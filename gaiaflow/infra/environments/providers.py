"""The packages that a project adds to Airflow, of versions that fit Airflow's own lock."""

from __future__ import annotations

from pathlib import Path

from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.environments import uv
from gaiaflow.infra.environments.pins import merge_pins
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project


def requirements(project: Project) -> str:
    """`requirements` of ``[tool.gaiaflow.airflow]``, one per line."""
    return "".join(f"{line}\n" for line in project.settings.airflow.requirements)


def constraints(lock: str) -> str:
    """The versions of a lock, without hashes: what is added changes none of them."""
    return merge_pins("", lock)


def install(project: Project, folder: Path, lock: str) -> None:
    """Put them into an environment that was made of the lock.

    Raises:
        GaiaflowError: they do not fit.
    """
    if not (text := requirements(project)):
        return
    asked = privatefile.write(folder / "added.txt", text)
    bound = privatefile.write(folder / "added-constraints.txt", constraints(lock))
    try:
        uv.run(project, "pip", "install", "--python", str(folder), "-c", str(bound), "-r", str(asked))
    except GaiaflowError as error:
        raise GaiaflowError(
            f"`requirements` in [tool.gaiaflow.airflow] do not fit Airflow's own packages: {error.message}",
            "loosen their versions, then: inv dev.start",
        ) from None
