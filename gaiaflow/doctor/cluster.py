"""The local cluster: minikube, whether it runs, Airflow's access to it, its image, the way out of its pods."""

from __future__ import annotations

from dataclasses import dataclass, field

from gaiaflow import tested
from gaiaflow.doctor.check import Check, Fix, absent, failed, of_error, ok, unknown, warning
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster import (
    account,
    gateway,
    image as nodeimage,
    network as clusternetwork,
    target,
    version as clusterversion,
)
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.minikube import Minikube
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.images.image import image_name
from gaiaflow.stack import backends
from gaiaflow.stack.services import executor

_DOWN = ("the cluster is not running", "inv prodlocal.start")


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        minikube: its version; empty where a context of the user's is used.
        trouble: what each question ended in that could not be answered, by question.
        version: of Kubernetes; empty where the cluster does not run or does not say.
        state: one word: ``running``, ``stopped``, ``absent``.
        image: the project's image.
        carried: whether the cluster has it.
        forwards: whether pods' requests are forwarded to the stack; None where nothing needs to.
        outside: Airflow's containers that are not in the cluster's network.
    """

    name: str
    namespace: str
    profile: bool
    minikube: str = ""
    state: str = "absent"
    image: str = ""
    carried: bool = False
    forwards: bool | None = None
    outside: tuple[str, ...] = ()
    trouble: dict[str, GaiaflowError] = field(default_factory=dict)
    join: Fix | None = None
    version: str = ""

    @property
    def running(self) -> bool:
        return self.state == "running"


def read(place: Place) -> Facts:
    chosen = Target.choose(place.project)
    trouble: dict[str, GaiaflowError] = {}
    version, state = _minikube(chosen, trouble) if chosen.profile else ("", _context_state(chosen, trouble))
    name = image_name(place.project)
    if state != "running":
        return Facts(chosen.name, chosen.namespace, bool(chosen.profile), version, state, name, trouble=trouble)
    return Facts(
        chosen.name,
        chosen.namespace,
        bool(chosen.profile),
        version,
        state,
        name,
        _carried(chosen, name, trouble),
        _forwards(chosen, trouble),
        tuple(_outside(place, chosen, trouble)),
        _with_access(chosen, trouble),
        Fix("connect Airflow's containers to the cluster's network",
            lambda: clusternetwork.join(place.project, chosen.profile)),
        _version(chosen),
    )  # fmt: skip


def _minikube(chosen: Target, trouble: dict[str, GaiaflowError]) -> tuple[str, str]:
    """Its version and the profile's state; nothing is made where there is no cluster yet."""
    command = Minikube(chosen.profile, chosen.project.home / "cluster" / "admin")
    try:
        version = command.require()
    except GaiaflowError as error:
        trouble["minikube"] = error
        return "", "absent"
    try:
        return version, command.state().word
    except GaiaflowError as error:
        trouble["cluster"] = error
        return version, "unknown"


def _version(chosen: Target) -> str:
    """Which Kubernetes it is; what cannot be asked is another check's finding."""
    try:
        return clusterversion.read(chosen.connect())
    except GaiaflowError:
        return ""


def _context_state(chosen: Target, trouble: dict[str, GaiaflowError]) -> str:
    try:
        return "running" if chosen.connect().is_ready() else "not ready"
    except GaiaflowError as error:
        trouble["cluster"] = error
        return "not ready"


def _with_access(chosen: Target, trouble: dict[str, GaiaflowError]) -> dict[str, GaiaflowError]:
    """Try what Airflow was given: the service account's kubeconfig."""
    file = chosen.project.home / target.FOLDER / "config"
    try:
        if not file.is_file():
            raise MissingError("Airflow has no access to the cluster yet: no kubeconfig", "inv prodlocal.start")
        Cluster.connect(file, None).find_all("Pod", chosen.namespace)
    except GaiaflowError as error:
        trouble["access"] = error
    return trouble


def _carried(chosen: Target, name: str, trouble: dict[str, GaiaflowError]) -> bool:
    try:
        return nodeimage.find(chosen, name) is not None
    except GaiaflowError as error:
        trouble["image"] = error
        return False


def _forwards(chosen: Target, trouble: dict[str, GaiaflowError]) -> bool | None:
    """Whether the gateway listens for the ports that the stack has now."""
    backend = backends.current(chosen.project)
    try:
        if backend is None or not gateway.find(chosen).address:
            return None
    except GaiaflowError as error:
        trouble["gateway"] = error
        return None
    forwarder = gateway.current(chosen.project)
    workers = executor.kept(chosen.project) == executor.KUBERNETES
    return forwarder is not None and forwarder.ports == account.forwarded_ports(backend.endpoints(), workers)


def _outside(place: Place, chosen: Target, trouble: dict[str, GaiaflowError]) -> list[str]:
    if place.backend != "docker" or not chosen.profile:
        return []
    try:
        return clusternetwork.outside(place.project, chosen.profile)
    except GaiaflowError as error:
        trouble["network"] = error
        return []


def minikube(facts: Facts) -> Check:
    if not facts.profile:
        return ok(f"not used: the cluster is your context `{facts.name}`")
    if error := facts.trouble.get("minikube"):
        return of_error(error)
    return ok(f"minikube {facts.minikube}")


def cluster(facts: Facts) -> Check:
    if error := facts.trouble.get("cluster"):
        return of_error(error)
    if not facts.running:
        return absent(f"the cluster `{facts.name}` is {facts.state}", "inv prodlocal.start")
    if told := tested.outside(tested.KUBERNETES, facts.version):
        newest = tested.dotted(tested.KUBERNETES.newest)
        return warning(told, f'kubernetes = "{newest}" in [tool.gaiaflow.cluster]')
    return ok(f"the cluster `{facts.name}` runs" + (f", Kubernetes {facts.version}" if facts.version else ""))


def access(facts: Facts) -> Check:
    if not facts.running:
        return unknown(*_DOWN)
    if error := facts.trouble.get("access"):
        return of_error(error)
    return ok(f"Airflow may see its pods in `{facts.namespace}`")


def image(facts: Facts) -> Check:
    if not facts.running:
        return unknown(*_DOWN)
    if error := facts.trouble.get("image"):
        return of_error(error)
    if not facts.carried:
        return absent(f"the cluster has no image `{facts.image}`", "inv prodlocal.dockerize")
    return ok(f"the cluster has the image `{facts.image}`")


def way_out(facts: Facts) -> Check:
    """Whether pods' requests are carried to the stack."""
    if not facts.running:
        return unknown(*_DOWN)
    if error := facts.trouble.get("gateway"):
        return of_error(error)
    if facts.forwards is False:
        return failed("nothing carries pods' requests to the stack's ports", "inv prodlocal.start")
    return ok(
        "pods' requests are carried to the stack" if facts.forwards else "nothing has to be carried for pods"
    )


def network(facts: Facts) -> Check:
    if not facts.running:
        return unknown(*_DOWN)
    if error := facts.trouble.get("network"):
        return of_error(error)
    if facts.outside:
        names = ", ".join(f"`{name}`" for name in facts.outside)
        return warning(f"not in the cluster's network: {names}", "inv doctor --fix", facts.join)
    return ok("Airflow reaches the cluster's network")
