"""Hides secrets in what is shown: by the name of a variable, by a known value, and in addresses."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from gaiaflow.secrecy import hide, is_secret

MASK = "***"
# What a pod's own fields are called; they name a key or a secret and hold none.
_FIELDS = {"key", "topologyKey", "secretName"}
# A short value, hidden wherever it occurs, would eat into words.
SHORTEST = 4


def mask(value: Any, known: Collection[str] = ()) -> Any:
    """A copy without secrets.

    Args:
        value: dicts, lists of ``{"name", "value"}`` or of ``NAME=value``, text that may hold JSON.
        known: values that are secret wherever they stand.
    """
    if isinstance(value, dict):
        return _mask_dict(value, known)
    if isinstance(value, (list, tuple)):
        return [mask(item, known) for item in value]
    if isinstance(value, str):
        return _mask_text(value, known)
    return value


def _mask_dict(value: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    if set(value) == {"name", "value"} and _is_hidden(str(value["name"])):
        return {**value, "value": MASK}
    return {k: MASK if _hides(k, item) else mask(item, known) for k, item in value.items()}


def _hides(name: str, value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and _is_hidden(name)


def _mask_text(text: str, known: Collection[str]) -> str:
    name, equals, rest = text.partition("=")
    if equals and name.isidentifier():
        return f"{name}={MASK if _is_hidden(name) else _mask_text(rest, known)}"
    if text.startswith("{"):
        try:
            return json.dumps(mask(json.loads(text), known))
        except ValueError:
            pass
    return hide(text, MASK, sorted((value for value in known if len(value) >= SHORTEST), key=len, reverse=True))


def _is_hidden(name: str) -> bool:
    return name not in _FIELDS and is_secret(name)
