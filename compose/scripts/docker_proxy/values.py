"""Strict JSON, and readers of single values: each returns a value of the type that it names, or refuses.

A reader takes the name of the key, for the refusal, and the value.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .refusal import RefusedError

Reader = Callable[[str, Any], Any]
Kind = TypeVar("Kind")
LARGEST_NUMBER = 2**63 - 1


def read_object(text: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        RefusedError: it is not one object, or two keys in one object differ only by case. The engine reads keys
            without regard to case, so the second would replace the first.
    """
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RefusedError("the description of the container is not JSON") from None
    return an_object("the description of the container", found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key.casefold() for key, _ in pairs}) < len(pairs):
        raise RefusedError("an object has a key twice")
    return dict(pairs)


def _refuse_constant(name: str) -> Any:
    raise RefusedError(f"{name} is not a number")


def rebuilt(readers: Mapping[str, Reader], given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """A new object with the keys that have a reader.

    A key with an empty value is left out, with a reader or without: for some keys an empty list means something
    else to the engine than no list.

    Raises:
        RefusedError: another key has a value.
    """
    made = {}
    for key, value in given.items():
        if not value:
            continue
        if key not in readers:
            raise RefusedError(f"`{where}{key}` is not allowed")
        made[key] = readers[key](where + key, value)
    return made


def an_object(name: str, value: Any) -> dict[str, Any]:
    return _typed(name, value, dict, "an object")


def a_list(name: str, value: Any) -> list[Any]:
    return _typed(name, value, list, "a list")


def flag(name: str, value: Any) -> bool:
    return _typed(name, value, bool, "true or false")


def number(name: str, value: Any) -> int:
    found = _typed(name, value, int, "a whole number")
    if not -1 <= found <= LARGEST_NUMBER:
        raise RefusedError(f"`{name}` is out of range")
    return found


def amount(name: str, value: Any) -> int:
    """A number that is not negative: for the engine -1 often means no limit."""
    if number(name, value) < 0:
        raise RefusedError(f"`{name}` is negative")
    return int(value)


def text(name: str, value: Any) -> str:
    found = _typed(name, value, str, "a text")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise RefusedError(f"`{name}` is not Unicode") from None
    if "\0" in found:
        raise RefusedError(f"`{name}` holds a zero byte")
    return found


def texts(name: str, value: Any) -> list[str]:
    return [text(name, item) for item in a_list(name, value)]


def matching(pattern: str, what: str) -> Reader:
    """A reader of texts of one form."""

    def read(name: str, value: Any) -> str:
        if not re.fullmatch(pattern, text(name, value)):
            raise RefusedError(f"`{name}` is not {what}")
        return str(value)

    return read


def each(readers: Mapping[str, Reader]) -> Reader:
    """A reader of lists of objects."""

    def read(name: str, value: Any) -> list[dict[str, Any]]:
        return [rebuilt(readers, an_object(name, item), f"{name}.") for item in a_list(name, value)]

    return read


def _typed(name: str, value: Any, kind: type[Kind], what: str) -> Kind:
    if type(value) is kind:
        return value
    raise RefusedError(f"`{name}` is not {what}")
