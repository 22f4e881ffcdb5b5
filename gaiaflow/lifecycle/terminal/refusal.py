"""What is wrong with the words behind `gaiaflow`, and which words were meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gaiaflow.errors import GaiaflowError, UsageError, near_miss

# What an argument is called in a sentence, and where the words for it come from.
_NOUNS = {
    ("dag", "name"): "a DAG name",
    ("dag", "task"): "a task",
    ("dag", "run"): "a run",
    ("model", "model"): "a model",
    ("project", "path"): "a folder",
    ("secret", "name"): "a name",
}
_LISTED_BY = {"dag": "inv dag.list", "model": "inv model.list", "secret": "inv secret.list"}
# Options that people look for where they are not, with the reason and the command that does it.
_MODE_OF_AIRFLOW = (
    "the running Airflow decides the mode",
    "inv dev.restart --service airflow --mode MODE, or inv dag.test NAME --mode MODE",
)
_ELSEWHERE = {("dag.run", "--mode"): _MODE_OF_AIRFLOW, ("dag.run", "-m"): _MODE_OF_AIRFLOW}


def lacking(command: str, positional: Sequence[Any]) -> UsageError:
    """A command without all of its arguments.

    Args:
        positional: the command's arguments in order; those without a value are lacking.
    """
    group = command.partition(".")[0]
    absent = [str(each.name) for each in positional if each.value is None]
    known = _dags() if group == "dag" and "name" in absent else []
    needs = " and ".join(_NOUNS.get((group, name), name.upper()) for name in absent)
    there = f"; there is {', '.join(known)}" if known else ""
    given = {"name": known[0]} if len(known) == 1 else {}
    words = [str(each.value or given.get(str(each.name)) or str(each.name).upper()) for each in positional]
    hint = " ".join([f"inv {command}", *words])
    listed = _LISTED_BY.get(group)
    return UsageError(
        f"`{command}` needs {needs}{there}", hint if known or not listed else f"{hint}; see {listed}"
    )


def unknown_option(word: str, command: str, known: Iterable[str]) -> UsageError:
    """An option that the command does not have."""
    options = sorted(known)
    ports = [name for name in options if name.endswith("-port")]
    help_of = f"inv --help {command}" if command else "inv --list"
    what = f"unknown option `{word}`{f' of `{command}`' if command else ''}"
    if (command, word) in _ELSEWHERE:
        reason, hint = _ELSEWHERE[command, word]
        return UsageError(f"{what}: {reason}", hint)
    if word == "--port" and len(ports) > 1:
        return UsageError(f"{what}: each service has its own", ", ".join(ports))
    return UsageError(f"{what}{near_miss(word, options)}", help_of)


def unknown_command(word: str, known: Iterable[str], after: str = "") -> UsageError:
    """A word that is no command.

    Args:
        after: the command that it follows.
    """
    names = sorted(known)
    meant = _same_end(word, names) or near_miss(word.replace(" ", "."), names)
    return UsageError(f"unknown command `{word}`{meant}", f"inv --help {after}" if after else "inv --list")


def _same_end(word: str, names: list[str]) -> str:
    """``start`` is `dev.start` first, as that is what most people start."""
    found = sorted(
        (name for name in names if name.endswith(f".{word}")), key=lambda n: not n.startswith("dev.")
    )
    return f" (did you mean `{found[0]}`?)" if found else ""


def _dags() -> list[str]:
    """The DAGs that the project's files name; none outside of a project."""
    from gaiaflow.dags.declared import declared
    from gaiaflow.project import Project

    try:
        return sorted(declared(Project.find()).ids)
    except GaiaflowError:
        return []
