"""Whom the doctor looks at: one project on this machine, and what may be started for it."""

from __future__ import annotations

from dataclasses import dataclass

from gaiaflow.project import Project
from gaiaflow.stack.services import state


@dataclass(frozen=True)
class Place:
    """What every reader of facts gets.

    Attributes:
        starts: whether a container and a pod may be started to check from.
    """

    project: Project
    starts: bool = True

    @property
    def backend(self) -> str:
        """The backend that the stack was last started on; empty when it never was."""
        return state.read(self.project).backend
