"""`inv dev.update-deps`: bring a change of the project's dependencies into the stack."""

from __future__ import annotations

from invoke.context import Context

from gaiaflow.lifecycle.terminal import Phases, lifecycle_task, say
from gaiaflow.project import Project
from gaiaflow.stack import backends


@lifecycle_task(name="update-deps")
def update_deps(c: Context) -> None:
    """Install what the project's dependencies ask for now, and remove what they no longer do."""
    from gaiaflow.infra.host.requirement import requirement_source

    project = Project.find()
    backend = backends.of(project)
    source = requirement_source(project)
    if c.config.run.dry:
        say(f"would bring {source or 'no dependencies'} into the project's environment ({backend.name})")
        return
    with Phases(1).phase(f"environment project, from {source.name if source else 'nothing'}"):
        changed = backend.update_dependencies()
    say("updated: the next task uses it" if changed else "nothing to do: it is up to date")
