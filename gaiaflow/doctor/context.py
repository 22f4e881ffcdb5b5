"""The kube context: which cluster is meant, and that it is nobody's production."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gaiaflow import envvar
from gaiaflow.doctor.check import Check, of_error, ok
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.target import Target


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        meant: the profile or context that the project uses.
        refused: why it is not used: it looks like production, or is not there.
        current: the user's own current context, which gaiaflow leaves alone.
    """

    meant: str
    profile: bool
    refused: GaiaflowError | None = None
    current: str = ""


def read(place: Place) -> Facts:
    try:
        target = Target.choose(place.project)
    except GaiaflowError as error:
        return Facts(place.project.setting(envvar.CONTEXT, ""), False, error)
    return Facts(target.name, bool(target.profile), None, _current())


def _current() -> str:
    """The user's current context by kubectl's rules; empty where none can be read."""
    import yaml

    named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    for file in (Path(name) for name in named.split(os.pathsep) if name):
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(found, dict) and found.get("current-context"):
            return str(found["current-context"])
    return ""


def chosen(facts: Facts) -> Check:
    if facts.refused:
        return of_error(facts.refused)
    what = f"the minikube profile `{facts.meant}`" if facts.profile else f"your context `{facts.meant}`"
    other = (
        f"; your current context `{facts.current}` is left alone"
        if facts.current not in ("", facts.meant)
        else ""
    )
    return ok(f"the cluster is {what}{other}")
