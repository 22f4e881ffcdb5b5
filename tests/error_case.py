"""One error and the whole of its text: the tests of texts are tables of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn

import pytest

from gaiaflow.errors import GaiaflowError
from gaiaflow.project import Project


class Case(NamedTuple):
    """A call and the whole of what it is told; `{root}` is the project's folder."""

    call: Callable[[Project], object]
    code: int
    message: str
    hint: str


def text_of(case: Case) -> str:
    """The id of a case."""
    return case.message[:60]


def hold(case: Case, project: Project) -> None:
    """The call fails with this message, this hint, this exit code."""
    with pytest.raises(GaiaflowError) as caught:
        case.call(project)
    expected = [text.replace("{root}", str(project.root)) for text in (case.message, case.hint)]
    told = [caught.value.message, caught.value.hint]
    assert told == expected, f"{told} is not {expected}"
    assert caught.value.exit_code == case.code, f"exit code {caught.value.exit_code}"


def fail_with(error: GaiaflowError) -> NoReturn:
    raise error
