"""What a project needs from PyPI: one requirements text, from whichever file decides."""

from __future__ import annotations

from gaiaflow.infra.environments import interpreter, uv
from gaiaflow.infra.environments.source import PYPROJECT, REQUIREMENTS, UV, Source, source
from gaiaflow.project import Project


def requirements(project: Project) -> str:
    """The project's dependencies as a requirements file; empty when it names none, or conda brings them.

    Raises:
        GaiaflowError: uv cannot read uv.lock.
    """
    found = source(project)
    if found.kind == PYPROJECT:
        return "".join(f"{item}\n" for item in project.pyproject["project"]["dependencies"])
    if found.kind == UV:
        return _exported(project)
    return found.text if found.kind == REQUIREMENTS else ""


def inputs(project: Project) -> str:
    """What the environment is made of, as text: it is made again when this changes."""
    found = source(project)
    parts = [found.kind, interpreter.wanted(project), *_texts(project, found)]
    return "\0".join(parts)


def _texts(project: Project, found: Source) -> list[str]:
    if found.kind == PYPROJECT:
        return [requirements(project)]
    solved = found.solved
    return [found.text, solved.read_text(encoding="utf-8") if solved and solved.is_file() else ""]


def _exported(project: Project) -> str:
    place = ["--project", str(project.source)]
    return uv.run(project, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header",
                  "--no-annotate", *place)  # fmt: skip
