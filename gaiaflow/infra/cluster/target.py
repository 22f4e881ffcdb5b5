"""Which cluster a project uses: a minikube profile of its own, or a context that the user has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gaiaflow import envvar
from gaiaflow.errors import MissingError, UsageError
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project

if TYPE_CHECKING:
    from gaiaflow.infra.cluster.api import Cluster
    from gaiaflow.infra.cluster.minikube import Minikube, State

# What Airflow reads, also in containers, and what only gaiaflow does: the admin's access among it.
FOLDER, OWN_FOLDER = "prodlocal", "cluster"
_CONFIG, _CONTAINER_CONFIG, _TASK_ENVIRONMENT = "config", "config-container", "task.env"
_ADMIN, _STATE = "admin", "cluster.json"
WORKER = "worker.yaml"


def namespace_of(project: Project) -> str:
    """Where the project's pods run: ``GAIAFLOW_NAMESPACE``, else ``gaiaflow-`` and the project's id."""
    return project.setting(envvar.NAMESPACE, f"gaiaflow-{project.id}")


def operator_variables(project: Project) -> dict[str, str]:
    """The variables by which operators find the local cluster; the files come with `inv prodlocal.start`."""
    folder = project.home / FOLDER
    return {
        envvar.NAMESPACE: namespace_of(project),
        envvar.KUBECONFIG: str(folder / _CONFIG),
        envvar.TASK_ENV_PROD_LOCAL: str(folder / _TASK_ENVIRONMENT),
    }


@dataclass(frozen=True)
class Target:
    """The cluster of a project.

    Attributes:
        profile: the minikube profile; empty where a context of the user's is used.
        context: the user's context; empty where a profile is used.
        namespace: where the project's pods run.
    """

    project: Project
    profile: str
    context: str
    namespace: str

    @classmethod
    def choose(cls, project: Project, profile: str = "", context: str = "") -> Target:
        """The cluster meant by flags, else by variables, else the one in use, else the project's own profile.

        Raises:
            UsageError: both a profile and a context.
            GaiaflowError: the context looks like production.
        """
        if profile and context:
            raise UsageError("use either --profile or --context, not both", "give one of them")
        namespace = namespace_of(project)
        if not profile and not context:
            profile = project.setting(envvar.PROFILE, "")
            context = "" if profile else project.setting(envvar.CONTEXT, "")
        if not profile and not context:
            kept = privatefile.read_json(project.home / OWN_FOLDER / _STATE)
            profile, context = str(kept.get("profile", "")), str(kept.get("context", ""))
        if context:
            from gaiaflow.infra.cluster import kubeconfig

            server = kubeconfig.user_context(context)
            kubeconfig.refuse_production(context, server, project.settings.allowed_contexts)
            return cls(project, "", context, namespace)
        return cls(project, profile or f"gaiaflow-{project.id}", "", namespace)

    @property
    def name(self) -> str:
        return self.profile or self.context

    @property
    def folder(self) -> Path:
        """Where what gaiaflow alone knows of the cluster lies, 0700."""
        privatefile.folder(self.project.home)
        return privatefile.folder(self.project.home / OWN_FOLDER)

    @property
    def airflow_folder(self) -> Path:
        """Where Airflow finds its access, 0700."""
        privatefile.folder(self.project.home)
        return privatefile.folder(self.project.home / FOLDER)

    @property
    def config(self) -> Path:
        """The kubeconfig of the service account, for processes on this machine."""
        return self.airflow_folder / _CONFIG

    @property
    def container_config(self) -> Path:
        """The same for containers of this machine, which reach the API server by another address."""
        return self.airflow_folder / _CONTAINER_CONFIG

    @property
    def task_environment(self) -> Path:
        """Where the variables of pods stand."""
        return self.airflow_folder / _TASK_ENVIRONMENT

    @property
    def worker_template(self) -> Path:
        """What worker pods of the KubernetesExecutor are made of."""
        return self.airflow_folder / WORKER

    @property
    def minikube(self) -> Minikube:
        """
        Raises:
            UsageError: a context is used, there is no profile.
        """
        from gaiaflow.infra.cluster.minikube import Minikube

        if not self.profile:
            raise UsageError(
                f"the cluster is the kube context `{self.context}`, which gaiaflow does not start or stop",
                "use the tool that created it, or add --profile",
            )
        return Minikube(self.profile, self.folder / _ADMIN)

    def keep(self, made: bool = False) -> None:
        """Remember the choice for the commands that follow.

        Args:
            made: this project made the profile just now; what was remembered of it stays.
        """
        chosen = {"profile": self.profile, "context": self.context, "namespace": self.namespace}
        privatefile.write_json(self.folder / _STATE, {**chosen, "made": made or self.is_made_here})

    @property
    def is_made_here(self) -> bool:
        """Whether this project made the profile: only then may it be deleted."""
        kept = privatefile.read_json(self.project.home / OWN_FOLDER / _STATE)
        return bool(self.profile) and kept.get("profile") == self.profile and kept.get("made") is True

    def refuse_foreign_profile(self) -> None:
        """
        Raises:
            UsageError: the profile was made by another project, or by hand.
        """
        if self.profile and not self.is_made_here:
            raise UsageError(
                f"the minikube profile `{self.profile}` was not created by this project",
                f"delete it yourself: minikube delete --profile {self.profile}",
            )

    def forget(self) -> None:
        """Remove what is kept of the cluster."""
        mine = (self.folder / name for name in (_STATE, _ADMIN))
        theirs = (self.config, self.container_config, self.task_environment, self.worker_template)
        for file in (*mine, *theirs):
            file.unlink(missing_ok=True)

    def connect(self, state: State | None = None) -> Cluster:
        """The cluster with the rights of its admin: the profile's, or those that the user has in the context.

        Args:
            state: of the profile, where the caller knows it; by default minikube is asked.

        Raises:
            MissingError: it does not run.
        """
        from gaiaflow.infra.cluster.api import Cluster

        if self.context:
            return Cluster.connect(None, self.context)
        minikube = self.minikube
        state = state or minikube.state()
        if not state.running:
            raise MissingError(f"the cluster `{self.profile}` is {state.word}", "inv prodlocal.start")
        if not state.configured:
            minikube.update_context()
        return Cluster.connect(minikube.kubeconfig, self.profile)
