"""`inv prodlocal.*`: the local cluster that pods of mode prod_local run in."""

from __future__ import annotations

from invoke.context import Context

from gaiaflow.errors import UsageError
from gaiaflow.infra.cluster.target import Target
from gaiaflow.lifecycle.dev.timing import timed
from gaiaflow.lifecycle.terminal import Phases, confirm, emit_json, emit_table, lifecycle_task, say
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.stack import backends
from gaiaflow.stack.services import executor as executors
from gaiaflow.stack.services import mode as stackmode

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
    "backend": "of the stack, when it is down: embedded or docker; by default the project's",
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
    from gaiaflow.infra.cluster.preflight import Wanted
    from gaiaflow.stack import bringup as clusterwork

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
        clusterwork.start_cluster(target, wanted, phases)
        cluster = clusterwork.fit(target, phases, executor or executors.kept(target.project))
        if not cluster_only:
            clusterwork.start_stack(
                target.project, clusterwork.StackWish(backend, auto_ports, wait, executor), shown
            )
        clusterwork.open_addresses(target, phases)
        clusterwork.bring_worker(target, shown)
    say(f"the cluster `{cluster.name}` is ready; next: inv prodlocal.dockerize")
    if not cluster_only and (mode := stackmode.kept(target.project)) != Mode.PROD_LOCAL.value:
        say(f"Airflow runs in mode {mode}: inv dev.restart --service airflow --mode {Mode.PROD_LOCAL}")


@lifecycle_task(help=WHICH)
def stop(c: Context, profile: str = "", context: str = "") -> None:
    """Stop the cluster; the stack of services and all that the cluster holds stay."""
    from gaiaflow.infra.cluster import gateway
    from gaiaflow.models import url as modelurl

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
    from gaiaflow.stack import bringup as clusterwork

    target = Target.choose(Project.find(), profile, context)
    facts = clusterwork.facts(target)
    if json:
        emit_json(facts)
    else:
        emit_table(["", ""], [[name, str(value)] for name, value in facts.items()])


@lifecycle_task(help={**WHICH, "yes": "do not ask"})
def cleanup(c: Context, profile: str = "", context: str = "", yes: bool = False) -> None:
    """Delete this project's cluster; of a context of yours only this project's namespace."""
    from gaiaflow.infra.cluster import gateway
    from gaiaflow.models import url as modelurl
    from gaiaflow.stack import bringup as clusterwork

    target = Target.choose(Project.find(), profile, context)
    what = f"the minikube profile {target.profile}" if target.profile else f"the namespace {target.namespace}"
    say(f"  {what} with all that runs in it")
    if c.config.run.dry:
        say("would remove it")
    elif confirm("remove it?", yes):
        gateway.close(target)
        modelurl.close_all(target)
        with Phases(1).phase(f"remove {what}"):
            clusterwork.remove(target)
        target.forget()


@lifecycle_task(help={**WHICH, "json": "print JSON"})
def config(c: Context, profile: str = "", context: str = "", json: bool = False) -> None:
    """Write the kubeconfig that Airflow uses: of the project's service account, for this namespace only."""
    from gaiaflow.infra.cluster import account

    target = Target.choose(Project.find(), profile, context)
    if c.config.run.dry:
        say(f"would write the kubeconfig for `{target.name}`")
        return
    written = [str(file) for file in account.write_config(target, target.connect())]
    if json:
        emit_json({"kubeconfig": written[0], "containers": written[-1], "namespace": target.namespace})
    else:
        emit_table(["kubeconfig", "namespace"], [[file, target.namespace] for file in written])
