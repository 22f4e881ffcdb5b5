"""The DAGs as Airflow stores them, with the hash by which it tells one DAG version from the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaiaflow.project import Project
from gaiaflow.testing import minors
from gaiaflow.testing.run import in_mode, load_dags


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """Hash and data of each DAG, or of ``dag`` alone; what does not serialise has an error instead."""
    with in_mode(request.get("mode")):
        dags, _ = load_dags(project)
        wanted = request.get("dag")
        return {"dags": {name: _stored(dag) for name, dag in dags.items() if wanted in (None, name)}}


def _stored(dag: Any) -> dict[str, Any]:
    from airflow.models.serialized_dag import SerializedDagModel

    try:
        data = minors.dag_serializer().to_dict(dag)
    except Exception as error:  # noqa: BLE001 - whatever a DAG's objects raise, Airflow would refuse the DAG
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    ordered = SerializedDagModel._sort_serialized_dag_dict(data)  # noqa: SLF001 - what it sorts away does not count
    return {"hash": SerializedDagModel.hash(data), "data": ordered}
