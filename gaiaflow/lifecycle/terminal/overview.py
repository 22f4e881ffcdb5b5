"""The commands in groups, and what to do next in this folder: what `gaiaflow` alone prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from invoke.terminals import pty_size

from gaiaflow.errors import GaiaflowError
from gaiaflow.lifecycle.terminal.help import columns, program, write
from gaiaflow.project import Project, towards_a_project

EVERY_DAY, DAGS, RUNS, IMAGES, CLUSTER, MODELS, PRODUCTION, PROJECT, OWN = (
    "Every day",
    "DAGs",
    "Runs",
    "Images",
    "Cluster",
    "Models",
    "Production",
    "Project",
    "Your own",
)
GROUPS = (EVERY_DAY, DAGS, RUNS, IMAGES, CLUSTER, MODELS, PRODUCTION, PROJECT, OWN)
_BY_FIRST_WORD = {
    "dev": EVERY_DAY,
    "doctor": EVERY_DAY,
    "dag": DAGS,
    "prodlocal": CLUSTER,
    "secret": CLUSTER,
    "model": MODELS,
    "prod": PRODUCTION,
    "project": PROJECT,
}
_BY_LAST_WORD = {"dockerize": IMAGES, "images": IMAGES, "remove-image": IMAGES}
_ELSEWHERE = {
    **dict.fromkeys(("dag.run", "dag.watch", "dag.logs", "dag.replay", "dag.recover", "dag.backfill"), RUNS),
    "model.dockerize": MODELS,
    "dev.cleanup": PROJECT,
    "dev.export": PROJECT,
    "dev.timings": PROJECT,
    "dev.update-deps": PROJECT,
}
# What comes first in its group; the others follow by name.
_FIRST = ("dev.start", "dev.open", "dev.status", "dev.stop", "dev.restart", "dag.test", "dag.list", "dag.run",
          "prodlocal.start", "prodlocal.status", "prodlocal.stop", "model.list", "model.serve", "model.stop",
          "project.new", "project.adopt", "prod.check")  # fmt: skip


def group_of(command: str) -> str:
    """The group that a command is shown in."""
    first, _, last = command.partition(".")
    found = _ELSEWHERE.get(command) or _BY_LAST_WORD.get(last)
    return (found if first in _BY_FIRST_WORD else None) or _BY_FIRST_WORD.get(first, OWN)


def grouped(commands: Iterable[str]) -> dict[str, list[str]]:
    """The commands by group, those of every day first."""
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for command in sorted(commands, key=_rank):
        groups[group_of(command)].append(command)
    return {group: found for group, found in groups.items() if found}


def _rank(command: str) -> tuple[int, str]:
    return (_FIRST.index(command) if command in _FIRST else len(_FIRST), command)


def print_overview(commands: Mapping[str, str]) -> None:
    """All commands with a few words each, one line a command, and the next step.

    Args:
        commands: the docstring of each by name.
    """
    write(f"Usage: {program()} COMMAND [options]\n")
    _print(commands, short=True)
    write(f"\nNext: {next_step()}\nHelp: inv help dev.start\n")


def print_list(commands: Mapping[str, str]) -> None:
    """All commands with a sentence each."""
    _print(commands, short=False)


def print_group(name: str, commands: Mapping[str, str]) -> None:
    """The commands of ``dev``, say."""
    write(f"Usage: inv {name}.COMMAND [options]\n\n")
    rows = [(command, summary(text)) for command, text in sorted(commands.items(), key=lambda c: _rank(c[0]))]
    write("\n".join(columns(rows)) + "\n")
    write(f"\nHelp: inv help {rows[0][0]}\n")


def _print(commands: Mapping[str, str], short: bool) -> None:
    left = max(map(len, commands))
    for group, names in grouped(commands).items():
        texts = (_brief(commands[name], left) if short else summary(commands[name]) for name in names)
        rows = [(name.ljust(left), text) for name, text in zip(names, texts, strict=True)]
        write("\n".join(["", f"{group}:", *columns(rows)]) + "\n")


def summary(docstring: str) -> str:
    """The first sentence of a docstring."""
    return " ".join(docstring.split("\n\n", maxsplit=1)[0].split())


def _brief(docstring: str, left: int) -> str:
    """What fits into the rest of a line: the first clause, up to a comma where it is too long."""
    clause = summary(docstring).partition(";")[0].partition(":")[0].rstrip(".")
    width = max(pty_size()[0] - left - 5, 30)
    if len(clause) > width and "," in clause[:width]:
        return clause[:width].rpartition(",")[0]
    return textwrap.shorten(clause, width, placeholder=" …")


def next_step() -> str:
    """The command that fits the folder."""
    try:
        project = Project.find()
    except GaiaflowError:
        return towards_a_project(Path.cwd())
    from gaiaflow.dags.declared import declared

    if not _is_up(project):
        return "inv dev.start"
    ids = sorted(declared(project).ids)
    return f"inv dag.run {ids[0]}" if ids else "inv dev.open jupyter"


def _is_up(project: Project) -> bool:
    """Whether the project's Airflow listens where it was started; asks no service, so it takes no time."""
    from gaiaflow.endpoints import LOOPBACK
    from gaiaflow.infra.host import ports
    from gaiaflow.stack.embedded.supervisor import Supervisor
    from gaiaflow.stack.services import state

    kept = state.read(project)
    if "airflow" not in kept.ports or ports.can_listen(LOOPBACK, kept.ports["airflow"]):
        return False
    return kept.backend != "embedded" or Supervisor(project.home).running()  # another project's has the port
