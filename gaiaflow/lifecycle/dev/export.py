"""`inv dev.export`: the stack as one compose file, or the variables that a shell needs to reach it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from invoke.context import Context

from gaiaflow.errors import UsageError, near_miss
from gaiaflow.infra.host import privatefile
from gaiaflow.lifecycle.terminal import emit_json, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends

FORMATS = ("compose", "env")


@lifecycle_task(
    reads=True,
    writes=("output",),
    help={
        "format": "compose: one file with all values filled in; env: lines for eval in a shell",
        "output": "a file (mode 0600) instead of stdout; both formats contain the stack's keys",
        "json": "with --format env: print JSON",
    },
)
def export(c: Context, format: str = "env", output: str = "", json: bool = False) -> None:  # noqa: A002
    """Write the resolved Compose file, or the variables that a shell needs to reach the stack."""
    if format not in FORMATS:
        raise UsageError(
            f"unknown format `{format}`{near_miss(format, FORMATS)}", f"one of {', '.join(FORMATS)}"
        )
    if c.config.run.dry:
        say(f"would write `{output}`")
        return
    project = Project.find()
    if format == "compose":
        from gaiaflow.stack.composed.compose import Compose

        text = Compose(project).resolved()
    else:
        from gaiaflow.stack.services.access import shell_environment

        values = shell_environment(project, backends.current(project))
        if json:
            emit_json({"environment": values})
            return
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    _write(text, output)


def _write(text: str, output: str) -> None:
    if not output:
        sys.stdout.write(text)
    else:
        privatefile.write(Path(output).absolute(), text)
        say(f"wrote {output}, which holds the stack's keys")
