"""`inv doctor`: which modes are ready, why not, and the command that fixes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say, say_always
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.doctor.examine import Report

BUNDLE = "gaiaflow-doctor.zip"


@lifecycle_task(
    optional=["bundle"],
    help={
        "mode": "check only what this mode needs: dev, dev_docker, prod_local or prod. The exit code refers to "
        "it, by default to dev: 0 ready, 3 something is missing, 1 something is wrong",
        "json": "print JSON",
        "fix": "make the repairs that stay inside the project, ask before each, then check again",
        "yes": "with --fix: do not ask",
        "bundle": "write a zip for a bug report: versions, findings, the Compose file, the last lines of the "
        f"logs, no secrets; by default {BUNDLE}",
    },
)
def doctor(
    c: Context,
    mode: str = "",
    json: bool = False,
    fix: bool = False,
    yes: bool = False,
    bundle: str | None = None,
) -> None:
    """Check whether each mode is ready, and show how to fix what is missing.

    A mode is ready when a task can run there now; what a start makes by itself keeps none from it. Services are
    asked from this machine, from a container of the stack and from a pod; both are removed again.
    """
    from gaiaflow.doctor import bundle as zipped
    from gaiaflow.doctor.examine import examine
    from gaiaflow.doctor.place import Place

    chosen = resolve_mode(mode) if mode else None
    place = Place(Project.find())
    file = _file(bundle)
    if c.config.run.dry:
        _would(fix, file, json)
        return
    if file:
        zipped.refuse(file)
    if fix:
        _mend(place.project, yes)
    with Phases(1).phase("look at the machine, the stack and the cluster"):
        report = examine(place, chosen)
    _show(report, json)
    if file:
        say(f"wrote {file}: {', '.join(zipped.write(place, report, file))}")
    if report.exit_code:
        raise Exit(code=report.exit_code)


def _file(bundle: str | bool | None) -> Path | None:
    """Where the zip goes; Invoke hands on True for an option without its value."""
    return Path(BUNDLE if bundle is True else bundle).absolute() if bundle else None


def _would(fix: bool, file: Path | None, json: bool) -> None:
    """What --dry leaves out."""
    told = "would look at this machine and ask the stack from here, a container and a pod: none is started"
    told += "; would offer repairs" if fix else ""
    told += f"; would write `{file}`" if file else ""
    if json:
        emit_json({"dry": told})
    else:
        say_always(told)


def _mend(project: Project, yes: bool) -> None:
    """Offer each repair; to find them nothing is started."""
    from gaiaflow.doctor.examine import examine
    from gaiaflow.doctor.place import Place

    with Phases(1).phase("look for repairs"):
        offered = examine(Place(project, starts=False)).fixes
    if not offered:
        say("nothing to repair")
    for fix in offered:
        if confirm(f"{fix.what}?", yes):
            with Phases(1).phase(fix.what):
                fix.apply()


def _show(report: Report, json: bool) -> None:
    from gaiaflow.doctor.check import State

    if json:
        emit_json(report.as_dict())
        return
    emit_table(["mode", "ready", "what is missing", "fix"], [_verdict(report, mode) for mode in report.modes])
    for mode in report.not_set_up:
        say(f"more about {mode.value}: inv doctor --mode {mode.value}")
    if rows := [[check.state.value, check.name, check.said, check.hint] for check in report.findings]:
        emit_table(["state", "what", "found", "fix"], rows)
    fine = sum(check.state is State.OK for check in report.checks)
    say(f"{fine} of {len(report.checks)} checks are ok")


def _verdict(report: Report, mode: Mode) -> list[str]:
    idle = mode in report.not_set_up
    bad = report.beside_dev(mode) if idle else report.standing_in_the_way(mode)
    ready = "not set up" if idle else "no" if bad else "yes"
    hint = next((check.hint for check in bad if check.hint), "")
    return [mode.value, ready, ", ".join(check.name for check in bad), hint]
