"""The mounts that a task's container may have: the folders of data that the project declares, and nothing else.

A mount is taken only as a whole: source, target and whether it is read-only are those of one declared folder.
"""

import json
from typing import Any

from .refusal import RefusedError
from .values import a_list, an_object

# As gaiaflow/datafolder.py has it, which mounts them.
TARGET = "/opt/gaiaflow/data"
KEYS = {"Type", "Source", "Target", "ReadOnly"}


def declared(text: str) -> list[dict[str, Any]]:
    """The mounts of the folders in ``GAIAFLOW_DATA``.

    Raises:
        ValueError: it is not such a table.
    """
    table = json.loads(text or "{}")
    return [_mount(name, folder["path"], folder.get("writable", False)) for name, folder in table.items()]


def _mount(name: str, path: str, writable: bool) -> dict[str, Any]:
    if not (isinstance(path, str) and path.startswith("/") and type(writable) is bool):
        raise ValueError(f"the folder `{name}`")
    return {"Type": "bind", "Source": path, "Target": f"{TARGET}/{name}", "ReadOnly": not writable}


def allowed(value: Any, folders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mounts of a request, each of them that of a declared folder.

    Raises:
        RefusedError: one is not.
    """
    asked = [_normal(an_object("HostConfig.Mounts", item)) for item in a_list("HostConfig.Mounts", value)]
    made = [folder for folder in folders if folder in asked]
    if len(made) != len(asked):
        raise RefusedError("a task mounts only folders of [tool.gaiaflow.data], as they are declared")
    return [dict(folder) for folder in made]


def _normal(mount: dict[str, Any]) -> dict[str, Any]:
    """A mount with all of its keys; `ReadOnly` is missing where it is false."""
    if set(mount) - KEYS or type(mount.get("ReadOnly", False)) is not bool:
        raise RefusedError("a mount of a task has a source, a target and `ReadOnly`, and nothing else")
    return {"ReadOnly": False, **mount}
