"""The DAGs as production's Airflow would read them: without the project's code, its stack, its `.env`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gaiaflow import datafolder, envvar, podfield, podversion
from gaiaflow.inspection import concrete, structure
from gaiaflow.inspection.local_address import local_values
from gaiaflow.inspection.rendered import render
from gaiaflow.modes import Mode
from gaiaflow.project import Project
from gaiaflow.testing import minors
from gaiaflow.testing.render import context_of, pod_of
from gaiaflow.testing.run import load_dags, relative

_LOCAL = (envvar.PREFIX, "MLFLOW_", "_MLFLOW", "AWS_", "S3_")
_PROVIDER = re.compile(
    r"airflow\.providers\.((?:[a-z0-9_]+\.)*?)(?:operators|sensors|transfers|decorators|hooks)\b"
)


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """Every DAG with its tasks, and the files that do not import.

    The request has ``image`` and ``namespace``, as production has them, and ``allowed`` addresses.
    """
    become_production(project, request["image"], request["namespace"])
    dags, errors = load_dags(project)
    found = [_dag(project, dags[name], request["allowed"]) for name in sorted(dags)]
    return {"dags": found, "errors": errors}


def become_production(project: Project, image: str, namespace: str) -> None:
    """Forget the stack, and where the project's code lies: production has it in the image."""
    for name in [name for name in os.environ if name.startswith(_LOCAL)]:
        del os.environ[name]
    os.environ[envvar.MODE] = Mode.PROD.value
    os.environ.update({envvar.IMAGE: image, envvar.NAMESPACE: namespace, envvar.PROJECT_NAME: project.name})
    os.environ.update(datafolder.variables(project.data, with_paths=False))
    hidden = {Path.cwd(), *project.code_paths}
    sys.path[:] = [path for path in sys.path if path and Path(path).resolve() not in hidden]


def _dag(project: Project, dag: Any, allowed: Collection[str]) -> dict[str, Any]:
    return {
        "dag": dag.dag_id,
        "file": relative(project, dag.fileloc),
        "unstorable": _unstorable(dag),
        "tasks": [_task(dag, task, allowed) for task in dag.topological_sort()],
    }


def _unstorable(dag: Any) -> str:
    try:
        minors.dag_serializer().to_dict(dag)
    except Exception as error:  # noqa: BLE001 - whatever a DAG's objects raise, Airflow would refuse the DAG
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""


def _task(dag: Any, task: Any, allowed: Collection[str]) -> dict[str, Any]:
    mode = structure.mode_of(task)
    pod = _pod(dag, task) if mode == Mode.PROD.value else {}
    return {
        "task": task.task_id,
        "mode": mode,
        "provider": provider_of(task),
        "images": _images(task, pod),
        "secrets": sorted({*(structure.argument(task, "secret_names") or ()), *_mounted(pod)}),
        "claims": sorted(_claims(pod)),
        "fits": podversion.fit(pod["spec"]) if pod else None,
        "local": sorted({*local_values(pod, allowed), *local_values(_mapped(task), allowed, "map_over")}),
    }


def _pod(dag: Any, task: Any) -> dict[str, Any]:
    """The pod that would be sent, with words in place of what comes from other tasks."""
    operator = concrete.plain(task, concrete.example(task))
    operator.func_args = concrete.unresolved(operator.func_args)
    operator.func_kwargs = concrete.unresolved(operator.func_kwargs)
    if hasattr(operator, "map_over"):
        operator.map_over = concrete.unresolved_map(operator.map_over)
    return pod_of(render(operator, context_of(dag, operator, {}))["spec"])


def _mapped(task: Any) -> list[Any]:
    map_over = getattr(task, "map_over", {})
    axes = {**concrete.axes(task), **getattr(map_over, "value", map_over)}
    return [values for values in axes.values() if not hasattr(values, "resolve")]


def _images(task: Any, pod: Mapping[str, Any]) -> list[str]:
    """Those of the task and of its author's own containers; the sidecar for results is Airflow's."""
    image = structure.argument(task, "image")
    spec = pod.get("spec", {})
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    more = [c["image"] for c in containers if c["name"] != "airflow-xcom-sidecar"]
    return list(dict.fromkeys([*more, *([image] if isinstance(image, str) and not more else [])]))


def _mounted(pod: Mapping[str, Any]) -> set[str]:
    """Secrets that the pod itself refers to: volumes, single variables, pull secrets; not that of its call."""
    spec = pod.get("spec", {})
    volumes = [v for v in spec.get("volumes", ()) if "secret" in v and v["name"] != podfield.CALL_VOLUME]
    names = [v["secret"].get("secretName") for v in volumes]
    names += [entry.get("name") for entry in spec.get("imagePullSecrets", ())]
    for container in spec.get("containers", ()):
        sources = [v.get("valueFrom", {}).get("secretKeyRef", {}) for v in container.get("env", ())]
        sources += [entry.get("secretRef", {}) for entry in container.get("envFrom", ())]
        names += [source.get("name") for source in sources if not source.get("optional")]
    return {str(name) for name in names if name}


def _claims(pod: Mapping[str, Any]) -> set[str]:
    """The persistent volume claims that the pod mounts."""
    volumes = pod.get("spec", {}).get("volumes", ())
    return {str(v["persistentVolumeClaim"]["claimName"]) for v in volumes if "persistentVolumeClaim" in v}


def provider_of(task: Any) -> str | None:
    """The provider package that an operator comes from, as ``cncf-kubernetes``; None for Airflow's own."""
    kind = task.operator_class if hasattr(task, "partial_kwargs") else type(task)
    for parent in getattr(kind, "__mro__", ()):
        if found := _PROVIDER.match(parent.__module__):
            return found[1].strip(".").replace(".", "-").replace("_", "-")
    return None
