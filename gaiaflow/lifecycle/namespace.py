"""The lifecycle tasks as one Invoke namespace: a project's own tasks.py is `ns = namespace()`."""

from __future__ import annotations

from invoke.collection import Collection

from gaiaflow.lifecycle import doctor, model, prod, prodlocal, project, secret
from gaiaflow.lifecycle.dag import (
    backfill as dagbackfill,
    check as dagcheck,
    explain as dagexplain,
    graph as daggraph,
    logs as daglogs,
    recover as dagrecover,
    replay as dagreplay,
    run as dag,
    watch as dagwatch,
)
from gaiaflow.lifecycle.dev import dependency, export, image, opening, stack as dev, timing
from gaiaflow.lifecycle.terminal import program


def namespace() -> Collection:
    """All lifecycle tasks, each module under its name."""
    program.install()
    root = Collection()
    stack = Collection.from_module(dev, name="dev")
    own = (image.dockerize, image.list_images, image.remove_image)
    for task in (*own, export.export, dependency.update_deps, timing.show_timings, opening.open_service):
        stack.add_task(task)
    root.add_collection(stack)
    root.add_collection(Collection.from_module(prodlocal, name="prodlocal"))
    dags = Collection.from_module(dag, name="dag")
    for task in (
        dagcheck.list_dags,
        dagcheck.check,
        dagexplain.explain,
        daggraph.graph,
        dagreplay.replay,
        dagbackfill.backfill,
        dagrecover.recover,
        daglogs.logs,
        dagwatch.watch,
    ):
        dags.add_task(task)
    root.add_collection(dags)
    root.add_collection(Collection.from_module(prod, name="prod"))
    root.add_collection(Collection.from_module(project, name="project"))
    root.add_collection(Collection.from_module(model, name="model"))
    root.add_collection(Collection.from_module(secret, name="secret"))
    root.add_task(doctor.doctor)
    return root
