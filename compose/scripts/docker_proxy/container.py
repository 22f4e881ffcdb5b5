"""The description of a task's container, rebuilt from what is allowed; everything else in it is refused.

Left to the task: the program, its environment, labels of its own, processor, memory, shared memory, GPUs,
ulimits, name servers, and which of the declared folders of data it has. Set here, whatever the request says:
the labels of the project, no capability, no new privileges, namespaces of its own, limits of memory and
processes, the log driver.
"""

import os
import re
from typing import Any

from . import mount
from .refusal import RefusedError
from .values import (
    Reader,
    a_list,
    amount,
    an_object,
    each,
    flag,
    matching,
    number,
    read_object,
    rebuilt,
    text,
    texts,
)

# Every request but create works only on containers with this label.
LABEL = "gaiaflow.task-of"
PROJECT_LABEL = "gaiaflow.project"
# What the operator says of a task; every other label of gaiaflow's and of Docker's has a meaning to a program.
TASK_LABELS = {"gaiaflow.dag", "gaiaflow.task", "gaiaflow.run", "gaiaflow.map_index"}
RESERVED_LABELS = ("gaiaflow.", "com.docker.", "io.docker.", "org.dockerproject.")
IMAGE = r"(?!.*(?://|\.\.))[A-Za-z0-9][A-Za-z0-9_./:@-]{0,511}"
# A number above 0 or a name; `00` and `+0` are root too.
_NAMED = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"
USER = rf"(?!root(?::|$))(?:[1-9][0-9]{{0,9}}|{_NAMED})(?::(?:[0-9]{{1,10}}|{_NAMED}))?"
# For an image that does not say who runs it, as in the images that gaiaflow builds.
ORDINARY_USER = "10001:0"
PROCESSES = 4096
# Without swap, so much of the machine's memory is a task's at most.
MEMORY_SHARE = 0.9
ULIMITS = "core|cpu|data|fsize|memlock|nofile|nproc|rss|stack"
LOG_DEFAULTS = {"max-size": "10m", "max-file": "3"}
# What clients write for "as usual".
USUAL: dict[str, list[Any]] = {
    "CgroupnsMode": ["private"],
    "IpcMode": ["private"],
    "Isolation": ["default"],
    "RestartPolicy": [{"Name": name, "MaximumRetryCount": 0} for name in ("", "no")] + [{"Name": "no"}],
}


def create_request(
    body: bytes, project: str, network: str, folders: "list[dict[str, Any]] | None" = None
) -> dict[str, Any]:
    """The body of a create request; its user may be missing, see ``settle_user``.

    Args:
        folders: the mounts that a task may have, see ``mount.py``.

    Raises:
        RefusedError: it asks for something that a task's container may not have.
    """
    given = read_object(body)
    host = an_object("HostConfig", given.pop("HostConfig", None) or {})
    _refuse_other_networks(given.pop("NetworkingConfig", None) or {}, network)
    made = rebuilt(_CONTAINER, given)
    if "Image" not in made:
        raise RefusedError("`Image` is missing")
    made["Labels"] = {**made.get("Labels", {}), LABEL: project, PROJECT_LABEL: project}
    mounts = mount.allowed(host.pop("Mounts", None) or [], folders or [])
    made["HostConfig"] = {**_host(host, network), **({"Mounts": mounts} if mounts else {})}
    return made


def settle_user(made: dict[str, Any], user_of_image: str) -> None:
    """Leave the user to the image, unless that is root."""
    if "User" not in made and not re.fullmatch(USER, user_of_image):
        made["User"] = ORDINARY_USER


def _host(given: dict[str, Any], network: str) -> dict[str, Any]:
    asked = {key: value for key, value in given.items() if value not in USUAL.get(key, [])}
    made = rebuilt(_HOST, asked, "HostConfig.")
    if made.get("NetworkMode") not in (network, "none"):
        raise RefusedError(f"a task's container belongs on the network `{network}`")
    most = int(_machine_memory() * MEMORY_SHARE)
    memory = min(made.get("Memory", most), most)
    return {
        **made,
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": PROCESSES,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "LogConfig": {"Type": "json-file", "Config": {**LOG_DEFAULTS, **made.get("LogConfig", {})}},
    }


def _machine_memory() -> int:
    """Bytes: the proxy runs on the engine's machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _refuse_other_networks(given: Any, network: str) -> None:
    """NetworkMode gives the network; an alias or an address would make the container look like a service."""
    readers: dict[str, Reader] = {"EndpointsConfig": an_object}
    networking = rebuilt(readers, an_object("NetworkingConfig", given), "NetworkingConfig.")
    for name, endpoint in networking.get("EndpointsConfig", {}).items():
        if name != network or rebuilt({}, an_object("EndpointsConfig", endpoint or {}), f"{name}."):
            raise RefusedError(f"a task's container joins `{network}`, without aliases, links or addresses")


def _labels(name: str, value: Any) -> dict[str, str]:
    """The task's own labels, without the one of the project, which is set here."""
    given = {text(name, key): text(name, said) for key, said in an_object(name, value).items()}
    given.pop(PROJECT_LABEL, None)
    for key in given:
        if key not in TASK_LABELS and key.casefold().startswith(RESERVED_LABELS):
            raise RefusedError(f"the label `{key}` is not a task's to set")
    return given


def _command(name: str, value: Any) -> Any:
    return text(name, value) if isinstance(value, str) else texts(name, value)


def _log(name: str, value: Any) -> dict[str, str]:
    """The options; the driver is always the one that writes a file of limited size."""
    read = {"Type": matching("json-file", "the log driver of a task"), "Config": an_object}
    given = rebuilt(read, an_object(name, value), f"{name}.")
    options = {
        "max-size": matching(r"[1-9][0-9]{0,5}[kmgKMG]?", "a size"),
        "max-file": matching(r"[1-9][0-9]?", "a number up to 99"),
    }
    return rebuilt(options, given.get("Config", {}), f"{name}.Config.")


def _gpus(name: str, value: Any) -> list[dict[str, Any]]:
    """GPUs by number or by their own ids; a request by another driver can name any device."""
    allowed: dict[str, Reader] = {
        "Driver": matching("nvidia", "the driver of GPUs"),
        "Count": number,
        "DeviceIDs": _gpu_ids,
        "Capabilities": a_list,
    }
    found: list[dict[str, Any]] = each(allowed)(name, value)
    if any(request.get("Capabilities") != [["gpu"]] for request in found):
        raise RefusedError(f"`{name}` asks for something else than GPUs")
    return found


def _gpu_ids(name: str, value: Any) -> list[str]:
    one = matching(r"[0-9]{1,3}|GPU-[0-9a-f-]{1,64}", "a GPU")
    return [one(name, item) for item in a_list(name, value)]


_CONTAINER: dict[str, Reader] = {
    "AttachStderr": flag,
    "AttachStdout": flag,
    "Cmd": _command,
    "Entrypoint": _command,
    "Env": texts,
    "Image": matching(IMAGE, "the name of an image"),
    "Labels": _labels,
    "Tty": flag,
    "User": matching(USER, "a user other than root"),
    "WorkingDir": text,
}
_HOST: dict[str, Reader] = {
    "DeviceRequests": _gpus,
    "Dns": texts,
    "DnsSearch": texts,
    "ExtraHosts": texts,
    "LogConfig": _log,
    "Memory": amount,
    "NanoCpus": amount,
    "NetworkMode": text,
    "ShmSize": amount,
    "Ulimits": each({"Name": matching(ULIMITS, "a limit of a task"), "Soft": number, "Hard": number}),
}
