"""A stack that moves to another backend: what data stays behind, said and agreed to first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gaiaflow.lifecycle.terminal import confirm, say
from gaiaflow.project import Project
from gaiaflow.stack import backends

if TYPE_CHECKING:
    from gaiaflow.stack.services.backend import Backend, Holding


def agreed(project: Project, backend: Backend, yes: bool) -> bool:
    """Whether a start may use this backend: it last ran on it, it leaves no data behind, or the user agrees.

    Args:
        yes: agree without a question; what stays behind is still said.
    """
    last = backends.current(project)
    if last and last.name == backend.name:
        return True
    held = backends.elsewhere(project, backend)
    for name, holdings in held.items():
        for holding in holdings:
            say(f"stays behind on {name}: {holding.kind} {holding.name}")
    return not held or confirm(f"start on {backend.name} without these data?", yes)


def both(name: str, held: Mapping[str, list[Holding]]) -> str:
    """The backend, and which other one has data of the project."""
    others = [f"{other} has data too: inv dev.start --backend {other}" for other in held]
    return "; ".join([f"backend: {name}", *others])
