"""`--build` of a run: the image of the tasks, built as the code is now, before the run begins."""

from __future__ import annotations

from gaiaflow.errors import UsageError
from gaiaflow.modes import Mode
from gaiaflow.project import Project


def build(project: Project, mode: str) -> None:
    """Build the image that tasks of a mode take, by the Dockerfile that it was built by.

    Raises:
        UsageError: a mode whose image is not built on this machine, or that has none.
        GaiaflowError: the build failed.
    """
    from gaiaflow.dags import oldimage

    refuse(mode)
    dockerfile = oldimage.dockerfile(project, mode)
    if mode == Mode.DEV_DOCKER.value:
        from gaiaflow.lifecycle.dev.image import build_image

        build_image(project, dockerfile=dockerfile)
    else:
        from gaiaflow.infra.cluster.target import Target
        from gaiaflow.lifecycle.prodlocal import bring_image

        bring_image(Target.choose(project), dockerfile=dockerfile)


def refuse(mode: str) -> None:
    """Stop where `--build` has nothing to build.

    Raises:
        UsageError: the mode is not dev_docker or prod_local.
    """
    from gaiaflow.dags import oldimage

    if mode not in oldimage.COMMANDS:
        raise UsageError(
            f"`--build` builds nothing in mode `{mode or Mode.DEV.value}`",
            f"it is for {' and '.join(oldimage.COMMANDS)}",
        )
