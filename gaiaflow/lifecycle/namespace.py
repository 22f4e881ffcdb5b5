"""The lifecycle tasks as one Invoke namespace: a project's own tasks.py is `ns = namespace()`."""

from __future__ import annotations

from invoke.collection import Collection

from gaiaflow.lifecycle import doctor, model, modeldeploy, nodeimage, prod, prodlocal, project, secret
from gaiaflow.lifecycle.dag import (
    check as dagcheck,
)
from gaiaflow.lifecycle.dag import (
    explain as dagexplain,
)
from gaiaflow.lifecycle.dag import (
    graph as daggraph,
)
from gaiaflow.lifecycle.dag import (
    replay as dagreplay,
)
from gaiaflow.lifecycle.dag import (
    run as dag,
)
from gaiaflow.lifecycle.dev import dependency, export, image, timing
from gaiaflow.lifecycle.dev import stack as dev
from gaiaflow.lifecycle.terminal import grammar


def namespace() -> Collection:
    """All lifecycle tasks, each module under its name."""
    grammar.install()
    root = Collection()
    stack = Collection.from_module(dev, name="dev")
    own = (image.dockerize, image.list_images, image.remove_image)
    for task in (*own, export.export, dependency.update_deps, timing.show_timings):
        stack.add_task(task)
    root.add_collection(stack)
    cluster = Collection.from_module(prodlocal, name="prodlocal")
    for task in (nodeimage.dockerize, nodeimage.list_images, nodeimage.remove_image):
        cluster.add_task(task)
    root.add_collection(cluster)
    dags = Collection.from_module(dag, name="dag")
    for task in (dagcheck.list_dags, dagcheck.check, dagexplain.explain, daggraph.graph, dagreplay.replay):
        dags.add_task(task)
    root.add_collection(dags)
    root.add_collection(Collection.from_module(prod, name="prod"))
    root.add_collection(Collection.from_module(project, name="project"))
    models = Collection.from_module(model, name="model")
    for task in (modeldeploy.dockerize, modeldeploy.deploy, modeldeploy.url, modeldeploy.undeploy):
        models.add_task(task)
    root.add_collection(models)
    root.add_collection(Collection.from_module(secret, name="secret"))
    root.add_task(doctor.doctor)
    return root
