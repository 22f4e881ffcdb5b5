"""`prodlocal.start`: the cluster, what the project needs in it, the stack where it is down, addresses for pods.

The world is looked at once, before the first phase, so that the phases can be counted and no two steps
see two worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from gaiaflow.endpoints import service_names, with_needs
from gaiaflow.infra.cluster import account, gateway, manifests, network as clusternetwork, preflight
from gaiaflow.infra.cluster.api import Cluster
from gaiaflow.infra.cluster.minikube import State
from gaiaflow.infra.cluster.preflight import Wanted
from gaiaflow.infra.cluster.target import Target
from gaiaflow.infra.host.progress import Phase, silent
from gaiaflow.infra.images.engine import engine_answers
from gaiaflow.modes import Mode
from gaiaflow.stack import backends, worker
from gaiaflow.stack.services import executor as executors, mode as stackmode, store
from gaiaflow.stack.services.backend import Backend, StartOptions
from gaiaflow.stack.services.health import waiting

# The cluster, its namespace, the kubeconfig, the addresses.
_PHASES = 4


@dataclass(frozen=True)
class Bringup:
    """One start of a project's cluster, and of the stack where it is down.

    Attributes:
        wanted: the node to make where there is none.
        executor: of Airflow: ``local``, ``kubernetes``, or empty for the one that it has.
        cluster_only: leave the stack as it is.
        backend, auto_ports, wait: as of `dev.start`, for a stack that is down; `wait` in seconds.
        say: takes a line for the user.
    """

    target: Target
    wanted: Wanted
    executor: str = ""
    cluster_only: bool = False
    backend: str = backends.AUTO
    auto_ports: bool = False
    wait: int = 180
    say: Callable[[str], None] = silent

    @property
    def is_cold(self) -> bool:
        """Whether a node has to be made first."""
        return self._state is not None and self._state.word == "absent"

    @property
    def phases(self) -> int:
        """How many phases `run` shows."""
        stack = self._stack
        return _PHASES + (stack[0].phases(stack[1]) if stack else 0) + self._in_pods

    def run(self, phase: Phase) -> Cluster:
        """Start what does not run yet; what runs is left alone.

        Raises:
            MissingError: there is no minikube, or it is too old.
            GaiaflowError: the cluster or a service did not start.
        """
        cluster = self._start_cluster(phase)
        self._fit(cluster, phase)
        self._start_stack(phase)
        self._open_addresses(phase)
        refresh_worker(self.target, cluster, phase)
        return cluster

    @cached_property
    def _state(self) -> State | None:
        """What minikube says of the profile; None where the cluster is a context of the user's."""
        return None if self.target.context else self.target.minikube.state()

    @property
    def _executor(self) -> str:
        return self.executor or executors.kept(self.target.project)

    @property
    def _in_pods(self) -> bool:
        return self._executor == executors.KUBERNETES

    @cached_property
    def _stack(self) -> tuple[Backend, StartOptions] | None:
        """What of the stack is to be started, and how; None where all that pods or Airflow need runs."""
        if self.cluster_only:
            return None
        backend, _ = backends.choose(self.target.project, self.backend)
        backends.check_stays(self.target.project, backend)
        states = {row.service: row.state for row in backend.status()}
        needed = with_needs(["airflow"])
        if all(states.get(name) == "running" for name in needed) and not self._is_moved:
            return None
        services = service_names([]) if all(state == "stopped" for state in states.values()) else needed
        return backend, StartOptions(
            services,
            auto_ports=self.auto_ports,
            wait=self.wait,
            mode=self._mode(states.get("airflow") == "running" and not self._is_moved),
            executor=self.executor,
        )

    @property
    def _is_moved(self) -> bool:
        """Whether Airflow has to start again on another executor."""
        return bool(self.executor) and self.executor != executors.kept(self.target.project)

    def _mode(self, airflow_runs: bool) -> str:
        """A running Airflow keeps its mode; one that starts is for pods, unless a variable says more."""
        return "" if airflow_runs else stackmode.asked(self.target.project, "") or Mode.PROD_LOCAL.value

    def _start_cluster(self, phase: Phase) -> Cluster:
        target = self.target
        if self._state is None:
            with phase(f"look at the context {target.context}"):
                cluster = target.connect()
                cluster.wait_ready(10)
                return cluster
        version = target.minikube.require()
        if self._state.running:
            with phase(f"the cluster {target.name} is already running"):
                return target.connect(self._state)
        preflight.check(self.wanted, preflight.Machine.this())
        with phase(f"start the cluster {target.name} with minikube {version}") as tell:
            if self.is_cold:
                target.keep(made=True)  # before it is there: a start that is interrupted leaves a profile, too
            for step in target.minikube.start(self.wanted):
                tell(f"{step.current}/{step.total} {step.message}")
            tell(waiting(["kubernetes"]))
            cluster = target.connect()
            cluster.wait_ready()
            return cluster

    def _fit(self, cluster: Cluster, phase: Phase) -> None:
        """Give the project its namespace, its account and Airflow's way in."""
        target = self.target
        with phase(f"namespace, service account, role in {target.namespace}"):
            manifests.apply(cluster, target.project, target.namespace, self._in_pods)
        with phase("kubeconfig of the service account"):
            account.write_config(target, cluster)
            target.keep()

    def _start_stack(self, phase: Phase) -> None:
        if self._stack is None:
            return
        backend, options = self._stack
        if self._is_moved and "airflow" in backend.stop(["airflow"]):
            self.say(f"Airflow starts again on the executor {self.executor}")
        self.say(f"start what is down of the stack, on the backend {backend.name}")
        backend.start(options, phase)

    def _open_addresses(self, phase: Phase) -> None:
        """Let pods reach MLflow and S3, and write down how."""
        target = self.target
        with phase("addresses for pods"):
            backend = backends.current(target.project)
            if backend is None:
                return
            found = gateway.find(target)
            endpoints = backend.endpoints()
            if found.address:
                workers = executors.kept(target.project) == executors.KUBERNETES
                gateway.open_ports(target.project, found.address, account.forwarded_ports(endpoints, workers))
            keys = store.variables(target.project, bool(endpoints.store))
            account.write_task_environment(target, endpoints, found.name, keys)
            if target.profile and backend.name == "docker":
                clusternetwork.join(target.project, target.profile)
            gateway.refuse_unknown_host(found.name, endpoints.ports["mlflow"])


def refresh_worker(target: Target, cluster: Cluster, phase: Phase) -> None:
    """Bring the image of worker pods up to date, where Airflow runs its tasks in them."""
    backend = backends.current(target.project)
    if backend and executors.kept(target.project) == executors.KUBERNETES:
        with phase("image of the worker pods") as tell:
            worker.refresh(target, cluster, backend.endpoints(), tell)


def is_nothing_left(target: Target) -> bool:
    """Whether there is no profile, nor a record of one that this project made."""
    return bool(target.profile) and not target.is_made_here and target.minikube.state().word == "absent"


def remove(target: Target, say: Callable[[str], None]) -> None:
    """Delete the profile; of a context of the user's only what `prodlocal.start` made in it."""
    if target.profile:
        target.refuse_foreign_profile()
        if engine_answers():
            clusternetwork.leave(target.project, target.profile)
        target.minikube.delete()
        return
    for name in manifests.delete(target.connect(), target.project, target.namespace):
        say(f"removed {name}")


def facts(target: Target) -> dict[str, object]:
    """What `prodlocal.status` shows, by name."""
    forwarder = gateway.current(target.project)
    state = target.minikube.state() if target.profile else None
    facts: dict[str, object] = {
        "cluster": target.name,
        "state": state.word if state else "your own context",
        "namespace": target.namespace,
        "kubeconfig": str(target.config) if target.config.exists() else "",
        "gateway": forwarder.address if forwarder else "",
        "forwarded": ", ".join(map(str, forwarder.ports)) if forwarder else "",
    }
    if state is None or state.running:
        cluster = target.connect(state)
        facts["ready"] = cluster.is_ready()
        facts["pods"] = len(cluster.find_all("Pod", target.namespace))
    return facts
