"""`inv prod.*`: the hand-over to production: image, checks, DAG files, manifests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from gaiaflow.errors import UsageError
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.production.plan import Plan

_IMAGE = "the image's name on this machine; by default the one that dev.dockerize builds"
_NAMESPACE = "where the pods of production run; by default gaiaflow-<project>"


@lifecycle_task(
    help={
        "image": _IMAGE,
        "registry": "the registry, e.g. registry.example.org/team; with Docker's credentials",
        "json": "print the image as JSON",
    }
)
def push(c: Context, image: str = "", registry: str = "", json: bool = False) -> None:
    """Push the built image to a registry, under a tag made from its content hash, and print its digest."""
    from gaiaflow.infra.images import push as pushing

    project = Project.find()
    place = pushing.registry_of(project, registry)
    name, repository = pushing.target_name(project, place, image)
    if c.config.run.dry:
        say(f"would push `{name}` to `{repository}`")
        return
    with Phases(1).phase(f"push {name} to {repository}") as tell:
        pushed = pushing.push(project, place, image, lambda layer, state: tell(f"{layer} {state}"))
    if json:
        emit_json(pushed.as_dict())
    else:
        emit_table(["image", "content", "digest"], [[name, pushed.content, pushed.digest]])
        say(f"for production's Airflow: GAIAFLOW_MODE=prod GAIAFLOW_IMAGE={pushed.pinned}")


@lifecycle_task(
    reads=True,
    iterable=["provider"],
    help={
        "image": "GAIAFLOW_IMAGE of production's Airflow; by default the image pushed last, by digest",
        "namespace": _NAMESPACE,
        "context": "the kube context of production, to check that secrets exist there",
        "airflow-version": "the version of production's Airflow, e.g. 3.1.7",
        "provider": "a provider installed there, e.g. cncf-kubernetes=10.12.0; may be repeated",
        "force": "skip the check that commit, image and DAG files match the last passing test in prod_local",
        "json": "print one JSON object",
    },
)
def check(
    _c: Context,
    image: str = "",
    namespace: str = "",
    context: str = "",
    airflow_version: str = "",
    provider: list[str] | None = None,
    force: bool = False,
    json: bool = False,
) -> None:
    """Check that the project is ready for production; change nothing."""
    from gaiaflow.lifecycle.dag.inspector import inspector
    from gaiaflow.production import check as prodcheck, verdict

    project = Project.find()
    versions = dict(_version(word) for word in provider or ())
    aim = prodcheck.Aim.of(project, image, namespace, context, airflow_version, versions)
    asked = inspector(project)
    with Phases(1).phase("checks for production"):
        checks = list(prodcheck.run(project, asked, aim, force))
    code = prodcheck.exit_code(checks)
    if json:
        shown = [one.as_dict() for one in checks]
        emit_json({"ok": code == 0, "image": aim.image, "namespace": aim.namespace, "checks": shown})
    else:
        emit_table(["check", "state", "why", "hint"], [[c.name, c.state, c.why, c.hint] for c in checks])
    if code:
        wrong = [one.name for one in checks if one.state != verdict.OK]
        raise Exit(f"error: not ready for production: {', '.join(wrong)}", code=code)


def _version(word: str) -> tuple[str, str]:
    name, equals, version = word.partition("=")
    if not (name and equals and version):
        raise UsageError(f"`--provider` is `{word}`, not NAME=VERSION", "--provider cncf-kubernetes=10.12.0")
    return name.removeprefix("apache-airflow-providers-"), version


@lifecycle_task(
    help={
        "dags": "the destination: s3://bucket/prefix, or the address of a git repository of DAGs",
        "dags-path": "the project's folder in that repository; by default its name",
        "dags-branch": "the branch of that repository; by default main",
        "dry-run": "only show what would be added, changed and removed",
        "yes": "do not ask",
        "force": "also overwrite files that this project did not put there",
        "json": "print one JSON object",
    }
)
def sync(
    c: Context,
    dags: str = "",
    dags_path: str = "",
    dags_branch: str = "",
    dry_run: bool = False,
    yes: bool = False,
    force: bool = False,
    json: bool = False,
) -> None:
    """Copy the DAG files to where production's Airflow reads them; show the changes first."""
    from gaiaflow.production import plan as dagplan, sync as dagsync

    project = Project.find()
    place = dagsync.place(project, dags, dags_path, dags_branch)
    if c.config.run.dry:
        say(f"would bring the DAG files of {project.dags} to {place.name}")
        return
    with Phases(1).phase(f"look at {place.name}"):
        found = place.plan()
    _show(found)
    if not dry_run:
        dagplan.refuse_foreign(found, force)
    writes = not (dry_run or found.empty) and confirm(f"write to {place.name}?", yes)
    if writes:
        with Phases(1).phase(f"write to {place.name}"):
            place.sync(dagsync.message(project), found)
    if json:
        emit_json({**found.as_dict(), "written": writes})


def _show(found: Plan) -> None:
    """The plan on stderr: it is what the question after it is about."""
    words = {"added": "+", "changed": "~", "removed": "-", "foreign": "!"}
    for word, sign in words.items():
        for name in getattr(found, word):
            say(f"  {sign} {name} {word if word != 'foreign' else 'is not of this project'}")
    say(f"  {len(found.unchanged)} unchanged")


@lifecycle_task(
    reads=True,
    writes=("output",),
    help={
        "namespace": _NAMESPACE,
        "account": "namespace/name of the service account that production's Airflow runs its tasks as",
        "output": "a folder to write one file for each object into; by default all go to stdout",
        "json": "print the objects as one JSON object",
    },
)
def manifests(c: Context, namespace: str = "", account: str = "", output: str = "", json: bool = False) -> None:
    """Print the manifests that production's admin applies: namespace, account, role, policy, quota."""
    from gaiaflow.production import additions, environment, manifests as prodmanifests

    project = Project.find()
    for one in (additions.check(project, {}), environment.check(project)):
        say(f"{one.name}: {one.why}")
    things = prodmanifests.manifests(project, namespace, account)
    if output and not c.config.run.dry:
        for file in prodmanifests.write(things, Path(output)):
            say(f"wrote {file}")
        say(f"for the owner of the cluster: kubectl apply -f {output}")
    elif output:
        say(f"would write {len(things)} files to {output}")
    if json:
        emit_json({"apiVersion": "v1", "kind": "List", "items": things})
    elif not output:
        sys.stdout.write(prodmanifests.as_yaml(things))
