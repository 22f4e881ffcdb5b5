"""The kube context: which cluster is meant, and that it is nobody's production."""

from __future__ import annotations

from dataclasses import dataclass

from gaiaflow import envvar
from gaiaflow.doctor.check import Check, of_error, ok
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster.api import current_context
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
    return Facts(target.name, bool(target.profile), None, current_context())


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
