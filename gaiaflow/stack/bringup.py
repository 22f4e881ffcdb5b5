"""What the verbs of `inv prodlocal` do to the cluster and the stack, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass

from gaiaflow.endpoints import service_names, with_needs
from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster import account, gateway, manifests, preflight
from gaiaflow.infra.cluster import network as clusternetwork
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.preflight import Wanted
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.images.engine import engine_answers
from gaiaflow.lifecycle.terminal import Phases, say
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.stack import backends, worker
from gaiaflow.stack.services import executor as executors
from gaiaflow.stack.services import mode as stackmode
from gaiaflow.stack.services import store
from gaiaflow.stack.services.backend import Backend, StartOptions
from gaiaflow.stack.services.health import waiting


def start_cluster(target: Target, wanted: Wanted, phases: Phases) -> None:
    if target.context:
        with phases.phase(f"look at the context {target.context}"):
            target.connect().wait_ready(10)
        return
    minikube = target.minikube
    version = minikube.require()
    if minikube.state().running:
        with phases.phase(f"the cluster {target.name} runs already"):
            return
    preflight.check(wanted, preflight.Machine.this())
    with phases.phase(f"start the cluster {target.name} with minikube {version}") as tell:
        for step in minikube.start(wanted):
            tell(f"{step.current}/{step.total} {step.message}")
        tell(waiting(["kubernetes"]))
        target.connect().wait_ready()


def fit(target: Target, phases: Phases, executor: str) -> Cluster:
    with phases.phase(f"namespace, service account, role in {target.namespace}"):
        cluster = target.connect()
        manifests.apply(cluster, target.project.name, target.namespace, executor == executors.KUBERNETES)
    with phases.phase("kubeconfig of the service account"):
        account.write_config(target, cluster)
        target.keep()
    return cluster


@dataclass(frozen=True)
class StackWish:
    """What `prodlocal.start` was told about the stack."""

    backend: str
    auto_ports: bool
    wait: int
    executor: str


def start_stack(project: Project, wish: StackWish, shown: list[Phases]) -> None:
    """The stack of services, when something that pods or Airflow need is down or on the other executor."""
    backend, _ = backends.choose(project, wish.backend)
    _check_stays(project, backend)
    if wish.executor and wish.executor != executors.kept(project) and "airflow" in backend.stop(["airflow"]):
        say(f"Airflow starts again on the executor {wish.executor}")
    states = {row.service: row.state for row in backend.status()}
    needed = with_needs(["airflow"])
    if all(states.get(name) == "running" for name in needed):
        return
    down = all(state == "stopped" for state in states.values())
    # A running Airflow keeps its mode; one that starts for the cluster is for pods, unless a variable differs.
    mode = "" if states.get("airflow") == "running" else stackmode.asked(project, "") or Mode.PROD_LOCAL.value
    services = service_names([]) if down else needed
    options = StartOptions(
        services, auto_ports=wish.auto_ports, wait=wish.wait, mode=mode, executor=wish.executor
    )
    say(f"inv dev.start of what is down, on the backend {backend.name}")
    shown.append(Phases(backend.phases(options)))
    backend.start(options, shown[-1].phase)


def _check_stays(project: Project, backend: Backend) -> None:
    """Refuse to move a stack that has data: `inv dev.start` does that, and asks."""
    last = backends.current(project)
    if last and last.name != backend.name and last.name in backends.elsewhere(project, backend):
        raise UsageError(
            f"the project has its data on the backend `{last.name}`",
            f"inv dev.start --backend {backend.name}, which asks first",
        )


def open_addresses(target: Target, phases: Phases) -> None:
    """Let pods reach MLflow and S3, and write down how."""
    with phases.phase("addresses for pods"):
        backend = backends.current(target.project)
        if backend is None:
            return
        found = gateway.find(target)
        endpoints = backend.endpoints()
        if found.address:
            workers = executors.kept(target.project) == executors.KUBERNETES
            gateway.open_ports(target, found.address, account.forwarded_ports(endpoints, workers))
        keys = store.variables(target.project, bool(endpoints.store))
        account.write_task_environment(target, endpoints, found.name, keys)
        if target.profile and backend.name == "docker":
            clusternetwork.join(target.project, target.profile)
        gateway.refuse_unknown_host(found.name, endpoints.ports["mlflow"])


def bring_worker(target: Target, shown: list[Phases]) -> None:
    """The image of worker pods, where Airflow runs its tasks in them."""
    backend = backends.current(target.project)
    if backend and executors.kept(target.project) == executors.KUBERNETES:
        shown.append(Phases(1))
        with shown[-1].phase("image of the worker pods") as tell:
            worker.refresh(target, backend.endpoints(), tell)


def remove(target: Target) -> None:
    if target.profile:
        if engine_answers():
            clusternetwork.leave(target.project, target.profile)
        target.minikube.delete()
        return
    for name in manifests.delete(target.connect(), target.project.name, target.namespace):
        say(f"removed {name}")


def facts(target: Target) -> dict[str, object]:
    forwarder = gateway.current(target)
    state = target.minikube.state().word if target.profile else "a context of yours"
    facts: dict[str, object] = {
        "cluster": target.name,
        "state": state,
        "namespace": target.namespace,
        "kubeconfig": str(target.config) if target.config.exists() else "",
        "gateway": forwarder.address if forwarder else "",
        "forwarded": ", ".join(map(str, forwarder.ports)) if forwarder else "",
    }
    if state in {"running", "a context of yours"}:
        cluster = target.connect()
        facts["ready"] = cluster.is_ready()
        facts["pods"] = len(cluster.find_all("Pod", target.namespace))
    return facts
