"""`inv project.*`: a project from the template, later versions in it, and gaiaflow in one that exists."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import confirm, lifecycle_task, say

if TYPE_CHECKING:
    from gaiaflow.projects.adoption import Plan

_ANSWERS = {
    "name": "the project's name; by default the folder's name",
    "package": "the Python package with the functions that tasks run; by default made from the name",
    "author": "the author's name, for pyproject.toml",
    "examples": "yes or no: include the example, a CO2 forecast from data to a registered model",
    "environment": "environment manager: uv, pixi or conda",
}
_NEXT = "next: inv dev.start"
_YES_OR_NO = {"": None, "yes": True, "true": True, "no": False, "false": False}


@lifecycle_task(
    positional=["path"],
    help={
        "path": "the folder of the new project; it is made",
        **_ANSWERS,
        "template": "address of a git repository with the template; by default gaiaflow's own",
        "defaults": "ask nothing: use the default for every option that is not given",
    },
)
def new(
    c: Context,
    path: str,
    name: str = "",
    package: str = "",
    author: str = "",
    examples: str = "",
    environment: str = "",
    template: str = "",
    defaults: bool = False,
) -> None:
    """Create a project from the template; ask for what the options do not set."""
    from gaiaflow.projects import scaffold

    folder = Path(path).expanduser()
    answers = _answers(name, package, author, examples, environment)
    scaffold.check_folder(folder)
    scaffold.check_answers(answers)
    ask = not defaults and len([v for v in answers.values() if v not in ("", None)]) < len(answers)
    if c.config.run.dry:
        say(f"would make a project from {template or 'the template of gaiaflow'} in {folder}")
        return
    if ask and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", f"inv project.new {shlex.quote(path)} --defaults")
    made = scaffold.create(folder, answers, ask=ask, template=template)
    say(f"made {len(made)} files in {folder}")
    _tell_source()
    say(f"next:  cd {shlex.quote(str(folder))} && make dev")
    say("       git init && git add . && git commit -m 'From the template'")  # git may not know who commits


@lifecycle_task
def update(c: Context) -> None:
    """Apply the changes of a newer template to this project; your own changes stay."""
    from gaiaflow.projects import scaffold

    root = _root()
    if c.config.run.dry:
        say(f"would bring the newest template into {root}")
        return
    changed = scaffold.update(root)
    for file in changed:
        sys.stdout.write(f"{file}\n")
    say("look at it: git diff; then commit" if changed else "nothing to do: the project is up to date")


@lifecycle_task(
    help={
        "name": "the project's name; by default the one in pyproject.toml, or the folder's",
        "minimal": "add only tasks.py, the table in pyproject.toml, and lines of .gitignore",
        "diff": "also show the contents, as a diff",
        "yes": "add all files without asking; they are still listed",
    },
)
def adopt(c: Context, name: str = "", minimal: bool = False, diff: bool = False, yes: bool = False) -> None:
    """Add what gaiaflow needs to the project in this folder: list the files, ask, and overwrite nothing."""
    from gaiaflow.projects import adoption

    if c.config.run.dry:  # what is missing is known only when the template is rendered, and that runs git
        say(f"would add what gaiaflow needs and {Path.cwd()} lacks")
        return
    plan = adoption.plan(Path.cwd(), name, minimal=minimal)
    least = plan.only(adoption.LEAST)
    rest = plan.only(plan.additions.keys() - least.additions.keys())
    _describe(plan)
    _list("needed", adoption.named(least))
    _list("offered", adoption.named(rest))
    if diff:
        sys.stdout.write(adoption.difference(plan))
    for advice in plan.advice:
        say(advice)
    if not plan.additions:
        say("nothing to add: it is all there")
    elif not least.additions or confirm("add what is needed?", yes):
        adoption.apply(least)
        if rest.additions and confirm("add what is offered too?", yes):
            adoption.apply(rest)
        made = "Makefile" in plan.additions and (plan.root / "Makefile").exists()
        if made:
            _tell_source()
        say("next: make dev" if made else _NEXT)


def _tell_source() -> None:
    """Which gaiaflow the project installs."""
    from gaiaflow.projects import origin

    source = origin.find()
    say(f"it requires {source.requirement}, from {source.kind}")


def _describe(plan: Plan) -> None:
    """What was recognised, and what happens to it."""
    kind = plan.environment
    if kind.sign:
        say(f"the environment is made by {kind.manager} ({kind.sign}) and stays as it is")
    if plan.earlier:
        say("the project is of the earlier template: its DAG files run as they are")


def _list(title: str, names: list[str]) -> None:
    for number, name in enumerate(names):
        sys.stdout.write(f"{title if number == 0 else '':9}{name}\n")


def _answers(name: str, package: str, author: str, examples: str, environment: str) -> dict[str, Any]:
    if examples.lower() not in _YES_OR_NO:
        raise UsageError(f"`--examples` is `{examples}`, not yes or no", "--examples=no")
    wanted = _YES_OR_NO[examples.lower()]
    given = {"name": name, "package": package, "author": author, "environment": environment}
    return {**given, "examples": wanted}


def _root() -> Path:
    """The folder with the answers: this one or the nearest above it; else this one."""
    from gaiaflow.projects.scaffold import ANSWERS

    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ANSWERS).is_file()), here)
