"""The testing kit as markdown, read off its docstrings: functions, results, fixtures, options of the matrix."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

from reference import argument_texts, table

from gaiaflow import testing
from gaiaflow.testing import matrix, plugin

FIXTURES = ("dagbag", "run_dag", "gaiaflow_project", "gaiaflow_airflow", "gaiaflow_mode")


def public(of_class: bool) -> list[Any]:
    """The functions or the classes that the kit exports."""
    named = (getattr(testing, name) for name in testing.__all__)
    return [each for each in named if inspect.isclass(each) is of_class]


def functions() -> str:
    """A heading, the signature, the words and a table of arguments for each function."""
    return "\n\n".join(_function(each) for each in public(of_class=False))


def _function(function: Callable[..., Any]) -> str:
    texts = argument_texts(function)
    rows = [
        [f"`{name}`", texts.get(name, ""), _default(given.default, given.empty)]
        for name, given in inspect.signature(function).parameters.items()
    ]
    raised = [[f"`{name}`", text] for name, text in section(function, "Raises").items()]
    parts = [f"### {function.__name__}", first(function), table(["argument", "", "default"], rows)]
    return "\n\n".join([*parts, *([table(["raises", "when"], raised)] if raised else [])])


def results() -> str:
    """A heading, the words and a table of fields for each class."""
    return "\n\n".join(_class(each) for each in public(of_class=True))


def _class(kind: type[Any]) -> str:
    texts = section(kind, "Attributes")
    known = [
        [f"`{each.name}`", texts.get(each.name, ""), _default(_of_field(each), MISSING)]
        for each in fields(kind)
    ]
    known += [
        [f"`{name}`", first(value.fget), ""]
        for name, value in vars(kind).items()
        if isinstance(value, property)
    ]
    return "\n\n".join([f"### {kind.__name__}", first(kind), table(["field", "", "default"], known)])


def _of_field(known: Field[Any]) -> Any:
    return known.default if known.default_factory is MISSING else known.default_factory()


def fixtures() -> str:
    rows = [[f"`{name}`", first(getattr(plugin, name))] for name in FIXTURES]
    return table(["fixture", ""], rows)


def options() -> str:
    """The options of ``python -m gaiaflow.testing.matrix``."""
    actions = [action for action in matrix.parser()._actions if action.dest != "help"]  # noqa: SLF001
    return table(["option", ""], [[f"`{action.option_strings[0]}`", action.help or ""] for action in actions])


def first(documented: Any) -> str:
    """The first paragraph of a docstring, as markdown."""
    return _plain((inspect.getdoc(documented) or "").partition("\n\n")[0])


def section(documented: Any, name: str) -> dict[str, str]:
    """What a section of a docstring says of each name."""
    found = re.search(rf"^{name}:\n((?:    .*\n|\n)+)", (inspect.getdoc(documented) or "") + "\n", re.MULTILINE)
    pairs = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", found[1] if found else "", re.MULTILINE)
    return {key: _plain(text) for key, text in pairs}


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _default(value: Any, absent: Any) -> str:
    if value is absent:
        return ""
    return f"`{value.__name__}`" if callable(value) else f"`{value!r}`"
