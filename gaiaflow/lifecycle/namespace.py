"""The lifecycle tasks as one Invoke namespace: a project's own tasks.py is `ns = namespace()`."""

from __future__ import annotations

from invoke.collection import Collection

from gaiaflow.lifecycle import dev


def namespace() -> Collection:
    """All lifecycle tasks, each module under its name."""
    root = Collection()
    root.add_collection(Collection.from_module(dev, name="dev"))
    return root
