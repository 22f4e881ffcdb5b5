"""`inv dev.update-deps`: bring a change of the project's dependencies into the stack."""

from __future__ import annotations

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import Phases, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends

_HELP = {
    "lock": "also write the versions to a lock: environment.lock, uv.lock or requirements.lock",
    "upgrade": "with --lock: take the newest versions that fit",
}


@lifecycle_task(name="update-deps", help=_HELP)
def update_deps(c: Context, lock: bool = False, upgrade: bool = False) -> None:
    """Install the project's current dependencies, and remove packages that it no longer needs."""
    from gaiaflow.infra.environments.description import describe

    project = Project.find()
    if upgrade and not lock:
        raise UsageError("`--upgrade` needs `--lock`", "inv dev.update-deps --lock --upgrade")
    backend = backends.of(project)
    if c.config.run.dry:
        say(f"would bring {describe(project)} into the project's environment ({backend.name})")
        return
    phases = Phases(1 + lock)
    if lock:
        from gaiaflow.infra.environments.locking import write_lock
        from gaiaflow.infra.environments.source import source

        with phases.phase(f"lock of {source(project).name}"):
            file = write_lock(project, upgrade)
        say(f"written: {file}")
    with phases.phase(f"environment project: {describe(project)}"):
        changed = backend.update_dependencies()
    say("updated: the next task uses it" if changed else "nothing to do: it is up to date")
