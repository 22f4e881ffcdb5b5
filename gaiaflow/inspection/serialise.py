"""The DAGs as Airflow stores them, with the hash by which it tells one DAG version from the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gaiaflow.inspection.structure import described
from gaiaflow.project import Project
from gaiaflow.testing import minors
from gaiaflow.testing.run import in_mode, load_dags


def answer(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    """The structure of all DAGs, and their hash and data; what does not serialise has an error instead.

    With ``dag`` it reads only the file of that DAG, where one file alone mentions it.
    """
    with in_mode(request.get("mode")):
        dags, errors = load_dags(project, request.get("dag") or "")
        stored = {name: _stored(dag) for name, dag in dags.items()}
        return {**described(project, dags, errors), "stored": stored}


def _stored(dag: Any) -> dict[str, Any]:
    from airflow.models.serialized_dag import SerializedDagModel

    try:
        data = minors.dag_serializer().to_dict(dag)
    except Exception as error:  # noqa: BLE001 - whatever a DAG's objects raise, Airflow would refuse the DAG
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    ordered = SerializedDagModel._sort_serialized_dag_dict(data)  # noqa: SLF001 - what it sorts away does not count
    return {"hash": SerializedDagModel.hash(data), "data": ordered}
