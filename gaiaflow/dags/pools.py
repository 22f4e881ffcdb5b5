"""The pools that a project asks for, in a running Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gaiaflow.dags.api import AirflowApi, NotFoundError


def apply(api: AirflowApi, pools: Mapping[str, int]) -> list[str]:
    """Make those that are missing and change those of another size; the names of both. Others stay.

    Raises:
        GaiaflowError: Airflow refused.
    """
    return [name for name, slots in pools.items() if _apply(api, name, slots)]


def _apply(api: AirflowApi, name: str, slots: int) -> bool:
    path = f"pools/{quote(name, safe='')}"
    try:
        found = api.request("GET", path)
    except NotFoundError:
        api.insist("POST", "pools", {"name": name, "slots": slots, "include_deferred": False})
        return True
    if found["slots"] == slots:
        return False
    # Airflow wants the whole pool, although the mask names what changes.
    whole = {"pool": name, "slots": slots, "include_deferred": found["include_deferred"]}
    api.insist("PATCH", path, whole, update_mask="slots")
    return True
