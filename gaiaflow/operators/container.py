"""What a container and a pod have in common: the image, the command, the overrides, how a run ended."""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gaiaflow import envvar
from gaiaflow.errors import MissingError, TaskFailedError, UsageError, final, near_miss
from gaiaflow.spec import TaskSpec

if TYPE_CHECKING:
    from gaiaflow.operators.call import CallMixin

RUNNER = "/opt/gaiaflow/runner.py"
PYTHON = ["python", "-u"]
# Between SIGTERM and SIGKILL, for a function that cleans up after itself.
GRACE_SECONDS = 5
NO_EXECUTABLE = "executable file not found"
# What a container runtime says for a program that it could not start.
_NOT_STARTED = (126, 127, 128)
_RUN = "AIRFLOW_CTX_"


def required_image(spec: TaskSpec) -> str:
    """The image of a task.

    Raises:
        UsageError: neither the task nor ``GAIAFLOW_IMAGE`` names one.
    """
    image = spec.image or os.environ.get(envvar.IMAGE)
    if not image:
        raise UsageError(
            f"mode `{spec.mode}` needs an image, and neither `image` nor `GAIAFLOW_IMAGE` is set",
            'inv dev.dockerize, then image="my-project/my_package:0.1.0" or GAIAFLOW_IMAGE in .env',
        )
    return image


def checked_overrides(
    argument: str,
    given: Mapping[str, Any],
    operator: type,
    reserved: Mapping[str, str],
    more: Iterable[str] = (),
) -> dict[str, Any]:
    """A copy of ``docker={…}`` or ``kubernetes={…}``.

    Args:
        reserved: what gaiaflow sets itself, and the argument of create_task for it, if any.
        more: keys of gaiaflow's own.

    Raises:
        UsageError: the operator has no such argument, or it is not the caller's to set.
    """
    own = inspect.signature(operator.__init__).parameters  # type: ignore[misc]
    known = sorted({*own, *more} - {"self", "kwargs"} - set(reserved))
    for key in given:
        if key in reserved:
            raise UsageError(f"`{key}` is not allowed in `{argument}`: gaiaflow sets it", reserved[key])
        if key not in known:
            raise UsageError(
                f"{operator.__name__} does not know `{key}` in `{argument}`{near_miss(str(key), known)}",
                f"it knows {', '.join(known)}",
            )
    return dict(given)


def project_name() -> str:
    """What tells a project's pods from others' in its namespace; empty when unknown."""
    return os.environ.get(envvar.PROJECT_NAME) or ""


def project_id() -> str:
    """What tells a project's containers from others' on this machine, where two clones may have one name."""
    return os.environ.get(envvar.PROJECT_ID) or project_name()


def run_variables() -> dict[str, str]:
    """Airflow's variables that tell a function which run it belongs to."""
    return {name: value for name, value in os.environ.items() if name.startswith(_RUN)}


def failure(
    operator: CallMixin, lines: Iterable[str], code: int, image: str, out_of_memory: bool = False
) -> Exception:
    """The error of a container that did not exit with 0."""
    lines = list(lines)
    without = next((line for line in lines if NO_EXECUTABLE in line and '"python"' in line), None)
    if without and code in _NOT_STARTED:
        return no_python(image, without)
    if any(RUNNER in line and "can't open file" in line for line in lines):
        return final(MissingError(f"image `{image}` has no runner at `{RUNNER}`", "inv dev.dockerize"))
    error: TaskFailedError = operator.failed(lines, ending(code, out_of_memory))
    return error


def no_python(image: str, said: str) -> MissingError:
    """The error of an image that gaiaflow has not built.

    Args:
        said: the engine's words.
    """
    return final(MissingError(f"image `{image}` has no `python`: {said}", "inv dev.dockerize"))


def ending(code: int, out_of_memory: bool) -> str:
    """How a process without a last word ended."""
    if out_of_memory:
        return "was killed: it used more memory than its limit"
    if code - 128 in set(signal.Signals):
        return f"was terminated by signal {code - 128}"
    return f"exited with code {code}"
