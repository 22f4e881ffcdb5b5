"""`inv prodlocal.*`: the local cluster that pods of mode prod_local run in."""

from __future__ import annotations

from dataclasses import dataclass

from invoke.context import Context

from gaiaflow.endpoints import service_names, with_needs
from gaiaflow.errors import UsageError
from gaiaflow.infra import (
    account,
    backends,
    clusternetwork,
    gateway,
    manifests,
    modelurl,
    preflight,
    stackmode,
    store,
    worker,
)
from gaiaflow.infra import executor as executors
from gaiaflow.infra.backend import StartOptions
from gaiaflow.infra.cluster import Cluster
from gaiaflow.infra.docker import engine_answers
from gaiaflow.infra.health import waiting
from gaiaflow.infra.preflight import Wanted
from gaiaflow.infra.target import Target
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.lifecycle.timing import timed
from gaiaflow.modes import Mode
from gaiaflow.project import Project

WHICH = {
    "profile": "the minikube profile; by default gaiaflow-<project>, or the variable GAIAFLOW_PROFILE",
    "context": "a kube context of yours to use instead of a profile, or the variable GAIAFLOW_CONTEXT",
}
_START_HELP = {
    **WHICH,
    "cpus": "cpus of a new node",
    "memory": "memory of a new node, as 4g or 4096mb",
    "driver": "minikube's driver for a new node, as docker or kvm2",
    "kubernetes-version": "Kubernetes of a new node, as v1.33.1",
    "cluster-only": "leave the stack of services as it is",
    "executor": "kubernetes: each task of Airflow in a worker pod; local: beside the scheduler, as by default",
    "backend": "of the stack, when it is down: auto, embedded or docker",
    "auto-ports": "when the stack is down: take the next free port where one is taken",
    "wait": "when the stack is down: seconds until a service that does not answer is called still starting",
}


@lifecycle_task(help=_START_HELP)
def start(
    c: Context,
    profile: str = "",
    context: str = "",
    cpus: str = "",
    memory: str = "",
    driver: str = "",
    kubernetes_version: str = "",
    cluster_only: bool = False,
    executor: str = "",
    backend: str = backends.AUTO,
    auto_ports: bool = False,
    wait: int = 180,
) -> None:
    """Start the cluster, fit it to the project, and the stack too when that is down, in mode prod_local."""
    target = Target.choose(Project.find(), profile, context)
    wanted = Wanted.parse(cpus, memory, driver, kubernetes_version)
    if executors.checked(executor) and cluster_only:
        raise UsageError("`--executor` is of the stack, which `--cluster-only` leaves", "inv prodlocal.start")
    if c.config.run.dry:
        say(f"would start the cluster `{target.name}` with the namespace `{target.namespace}`")
        return
    shown = [phases := Phases(4)]
    cold = not target.context and target.minikube.state().word == "absent"
    with timed(target.project, "prodlocal.start", target.name, cold, shown):
        _start_cluster(target, wanted, phases)
        cluster = _fit(target, phases, executor or executors.kept(target.project))
        if not cluster_only:
            _start_stack(target.project, StackWish(backend, auto_ports, wait, executor), shown)
        _open_addresses(target, phases)
        _bring_worker(target, shown)
    say(f"the cluster `{cluster.name}` is ready; next: inv prodlocal.dockerize")
    if not cluster_only and (mode := stackmode.kept(target.project)) != Mode.PROD_LOCAL.value:
        say(f"Airflow runs in mode {mode}: inv dev.restart --service airflow --mode {Mode.PROD_LOCAL}")


@lifecycle_task(help=WHICH)
def stop(c: Context, profile: str = "", context: str = "") -> None:
    """Stop the cluster; the stack of services and all that the cluster holds stay."""
    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would stop the cluster `{target.name}`")
        return
    if gateway.close(target):
        say("the gateway is closed")
    modelurl.close_all(target)
    if target.context:
        say(f"the context `{target.context}` is yours and keeps running")
    elif target.minikube.state().word in {"stopped", "absent"}:
        say("nothing ran")
    else:
        with Phases(1).phase(f"stop the cluster {target.name}"):
            target.minikube.stop()


@lifecycle_task(help=WHICH)
def restart(c: Context, profile: str = "", context: str = "") -> None:
    """Stop and start the cluster."""
    stop(c, profile, context)
    start(c, profile, context)


@lifecycle_task(reads=True, help={**WHICH, "json": "print JSON"})
def status(_c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """Show the cluster: whether it runs, its namespace, the gateway, the pods."""
    target = Target.choose(Project.find(), profile, context)
    facts = _facts(target)
    if json:
        emit_json(facts)
    else:
        emit_table(["", ""], [[name, str(value)] for name, value in facts.items()])


@lifecycle_task(help={**WHICH, "yes": "do not ask"})
def cleanup(c: Context, profile: str = "", context: str = "", yes: bool = False) -> None:
    """Delete this project's cluster; of a context of yours only this project's namespace."""
    target = Target.choose(Project.find(), profile, context)
    what = f"the minikube profile {target.profile}" if target.profile else f"the namespace {target.namespace}"
    say(f"  {what} with all that runs in it")
    if c.config.run.dry:
        say("would remove it")
    elif confirm("remove it?", yes):
        gateway.close(target)
        modelurl.close_all(target)
        with Phases(1).phase(f"remove {what}"):
            _remove(target)
        target.forget()


@lifecycle_task(help={**WHICH, "json": "print JSON"})
def config(c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """Write the kubeconfig that Airflow uses: of the project's service account, for this namespace only."""
    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would write the kubeconfig for `{target.name}`")
        return
    written = [str(file) for file in account.write_config(target, target.connect())]
    if json:
        emit_json({"kubeconfig": written[0], "containers": written[-1], "namespace": target.namespace})
    else:
        emit_table(["kubeconfig", "namespace"], [[file, target.namespace] for file in written])


def _start_cluster(target: Target, wanted: Wanted, phases: Phases) -> None:
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


def _fit(target: Target, phases: Phases, executor: str) -> Cluster:
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


def _start_stack(project: Project, wish: StackWish, shown: list[Phases]) -> None:
    """The stack of services, when something that pods or Airflow need is down or on the other executor."""
    backend, _ = backends.choose(project, wish.backend, engine_answers)
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


def _open_addresses(target: Target, phases: Phases) -> None:
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


def _bring_worker(target: Target, shown: list[Phases]) -> None:
    """The image of worker pods, where Airflow runs its tasks in them."""
    backend = backends.current(target.project)
    if backend and executors.kept(target.project) == executors.KUBERNETES:
        shown.append(Phases(1))
        with shown[-1].phase("image of the worker pods") as tell:
            worker.refresh(target, backend.endpoints(), tell)


def _remove(target: Target) -> None:
    if target.profile:
        if engine_answers():
            clusternetwork.leave(target.project, target.profile)
        target.minikube.delete()
        return
    for name in manifests.delete(target.connect(), target.project.name, target.namespace):
        say(f"removed {name}")


def _facts(target: Target) -> dict[str, object]:
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
