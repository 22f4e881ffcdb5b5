"""Parts of a pod as plain dicts, as Kubernetes' own pages write them: checked when the DAG file is read.

The API server would refuse a wrong one only when the task runs; the client would drop a field it does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from gaiaflow.errors import UsageError, near_miss

# The arguments of the operator that may be a list of dicts, and the client's model of each.
LISTS = {
    "volumes": "V1Volume",
    "volume_mounts": "V1VolumeMount",
    "tolerations": "V1Toleration",
    "init_containers": "V1Container",
    "env_from": "V1EnvFromSource",
}
# Of the secret that brings a pod its large call, and that is made with the pod.
CALL_VOLUME = "gaiaflow-call"
EXAMPLES = {
    "volumes": '[{"name": "tiles", "persistentVolumeClaim": {"claimName": "tiles"}}]',
    "volume_mounts": '[{"name": "tiles", "mountPath": "/data/tiles", "readOnly": True}]',
    "tolerations": '[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]',
    "init_containers": '[{"name": "wait", "image": "busybox:1.36", "command": ["sleep", "5"]}]',
    "env_from": '[{"configMapRef": {"name": "settings"}}]',
    "affinity": '{"nodeAffinity": {...}}',
    "node_selector": '{"disk": "ssd"}',
}
# Where a pod may have more volumes than those that the arguments say.
_TEMPLATES = ("full_pod_spec", "pod_template_file", "pod_template_dict")
_PLAIN: dict[str, tuple[type, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
}
_INNER = re.compile(r"(list|dict)\[(?:str, )?(.+)\]")


def check(given: Mapping[str, Any]) -> None:
    """Check the parts of ``kubernetes={…}`` that may be dicts; objects of the client stay unchecked.

    Raises:
        UsageError: a field that Kubernetes does not know, one that is missing, or one of another type.
    """
    for name, model in LISTS.items():
        _check(f"kubernetes[{name!r}]", given.get(name) or [], f"list[{model}]", EXAMPLES[name])
    _check("kubernetes['affinity']", given.get("affinity") or {}, "V1Affinity", EXAMPLES["affinity"])
    selector = given.get("node_selector") or {}
    _check("kubernetes['node_selector']", selector, "dict[str, str]", EXAMPLES["node_selector"])
    _volumes(given)


def model(name: str, value: Any) -> Any:
    """The client's object for one dict of an argument in LISTS; an object stays as it is."""
    if not isinstance(value, Mapping):
        return value
    client: Any = import_module("kubernetes.client")
    answer = SimpleNamespace(data=json.dumps(value))
    return client.ApiClient(client.Configuration()).deserialize(answer, LISTS[name])


def _check(where: str, value: Any, kind: str, hint: str) -> None:
    """Check a value against a type as the client's models name it: ``list[V1Volume]``, ``dict[str, str]``."""
    if hasattr(value, "resolve"):  # it comes from another task
        return
    if inner := _INNER.fullmatch(kind):
        outer: Any = (list, tuple) if inner[1] == "list" else Mapping
        if not isinstance(value, outer):
            raise _wrong(where, value, f"a {inner[1]}", hint)
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            _check(f"{where}[{key!r}]", item, inner[2], hint)
    elif kind in _PLAIN:
        wanted, called = _PLAIN[kind]
        if not isinstance(value, wanted) or isinstance(value, bool) != (kind == "bool"):
            raise _wrong(where, value, called, hint)
    elif kind.startswith("V"):
        _object(where, value, kind, hint)


def _object(where: str, value: Any, kind: str, hint: str) -> None:
    known: Any = getattr(import_module("kubernetes.client.models"), kind)
    if isinstance(value, known):
        return
    if not isinstance(value, Mapping):
        raise _wrong(where, value, "a dict", hint)
    types = {wire: known.openapi_types[name] for name, wire in known.attribute_map.items()}
    for key, item in value.items():
        if key not in types:
            raise UsageError(f"`{where}` has the field `{key}`{near_miss(str(key), list(types))}", hint)
        if item is not None:
            _check(f"{where}[{key!r}]", item, types[key], hint)
    try:  # it refuses to be without a field that it requires
        known(**{name: value.get(wire) for name, wire in known.attribute_map.items()})
    except ValueError as error:
        missing = str(error).partition("`")[2].partition("`")[0]
        raise UsageError(f"`{where}` has no `{known.attribute_map.get(missing, missing)}`", hint) from None


def _wrong(where: str, value: Any, wanted: str, hint: str) -> UsageError:
    return UsageError(f"`{where}` is {value!r}, not {wanted}", hint)


def _volumes(given: Mapping[str, Any]) -> None:
    """Check that each volume is of one kind, and that each mount names one of them."""
    volumes, mounts = given.get("volumes") or [], given.get("volume_mounts") or []
    hint = EXAMPLES["volumes"]
    if hasattr(volumes, "resolve"):
        return
    for number, volume in enumerate(volumes):
        if isinstance(volume, Mapping) and len(kinds := sorted({*volume} - {"name"})) > 1:
            raise UsageError(f"`kubernetes['volumes'][{number}]` has two kinds: {', '.join(kinds)}", hint)
    if any(given.get(name) for name in _TEMPLATES):
        return
    names = [_name(volume) for volume in volumes]
    for number, mount in enumerate(() if hasattr(mounts, "resolve") else mounts):
        if _name(mount) not in names:
            raise UsageError(
                f"`kubernetes['volume_mounts'][{number}]` names the volume `{_name(mount)}`, "
                f"which is not in `volumes`{near_miss(_name(mount), names)}",
                hint,
            )


def _name(part: Any) -> str:
    return str(part.get("name") if isinstance(part, Mapping) else getattr(part, "name", ""))
