"""`inv secret.*`: named sets of variables that tasks get; no value is printed or put into an argument list."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.terminal import confirm, emit_json, emit_table, lifecycle_task, say, stderr
from gaiaflow.modes import Mode, resolve_mode
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.infra.cluster.secretstore import Store

_HELP = {
    "mode": "prod_local: in the local cluster; dev: in a file of the project, for dev and dev_docker",
    "profile": "the minikube profile; by default the one in use",
    "context": "your own kube context; by default the one in use",
}
_LOCAL = Mode.PROD_LOCAL.value


def create_secrets(secret_name: str, secret_data: Mapping[str, object], mode: str = _LOCAL) -> None:
    """Keep a secret from Python: the pods of this project find its keys in their environment."""
    from gaiaflow.infra.cluster import secretstore

    values = {key: str(value) for key, value in secret_data.items()}
    secretstore.check(secret_name, values)
    _store(mode).create(secret_name, values)


@lifecycle_task(
    positional=["name"],
    help={
        **_HELP,
        "name": "the name that create_task(secrets=[...]) uses",
        "from-env-file": "a file of KEY=VALUE lines; by default the command reads stdin or asks",
        "json": "print JSON",
    },
)
def create(
    c: Context,
    name: str,
    from_env_file: str = "",
    mode: str = _LOCAL,
    profile: str = "",
    context: str = "",
    json: bool = False,
) -> None:
    """Create or update a secret."""
    from gaiaflow.infra.cluster import secretstore

    if c.config.run.dry:
        say(f"would keep the secret `{name}` for {mode}")
        return
    values = _values(name, from_env_file)
    secretstore.check(name, values)
    store = _store(mode, profile, context)
    became = store.create(name, values)
    if json:
        emit_json({"secret": name, "keys": sorted(values), "place": store.place, "became": became})
    else:
        say(f"{became} `{name}` ({', '.join(sorted(values))}) in {store.place}")


@lifecycle_task(name="list", reads=True, help={**_HELP, "json": "print JSON"})
def list_secrets(
    _c: Context, mode: str = _LOCAL, profile: str = "", context: str = "", json: bool = False
) -> None:
    """Show the names of the secrets and of their keys."""
    found = _store(mode, profile, context).list()
    if json:
        emit_json({"secrets": [{"secret": secret.name, "keys": secret.keys} for secret in found]})
    else:
        emit_table(["secret", "keys"], [[secret.name, ", ".join(secret.keys)] for secret in found])


@lifecycle_task(
    positional=["name"],
    help={**_HELP, "name": "which, as secret.list names it", "yes": "do not ask"},
)
def delete(
    c: Context,
    name: str,
    mode: str = _LOCAL,
    profile: str = "",
    context: str = "",
    yes: bool = False,
) -> None:
    """Remove a secret."""
    if c.config.run.dry:
        say(f"would remove the secret `{name}`")
        return
    store = _store(mode, profile, context)
    if confirm(f"remove the secret `{name}` from {store.place}?", yes):
        store.delete(name)
        say(f"removed {name}")


def _store(mode: str, profile: str = "", context: str = "") -> Store:
    from gaiaflow.infra.cluster.secretstore import ClusterStore, FileStore

    wanted = resolve_mode(mode)
    project = Project.find()
    if wanted in {Mode.DEV, Mode.DEV_DOCKER}:
        return FileStore(project)
    if wanted is Mode.PROD:
        raise UsageError(
            "the secrets of mode prod are kept in production's cluster, not here", "--mode prod_local"
        )
    target = Target.choose(project, profile, context)
    return ClusterStore(target.connect(), project, target.namespace)


def _values(name: str, file: str) -> dict[str, str]:
    from gaiaflow.infra.cluster import secretstore

    if file:
        return secretstore.read_file(Path(file).expanduser())
    if not sys.stdin.isatty():
        return secretstore.parse(sys.stdin.read(), "stdin")
    return _asked(name)


def _asked(name: str) -> dict[str, str]:
    """Keys shown, values not, until an empty key."""
    say(f"keys of `{name}`; an empty one ends")
    values: dict[str, str] = {}
    while key := stderr().input("key: ").strip():
        values[key] = getpass(f"value of {key}: ")
    return values
