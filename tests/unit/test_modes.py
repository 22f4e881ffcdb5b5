"""Which mode holds, and that everything that lists modes lists the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gaiaflow.errors import UsageError
from gaiaflow.modes import Mode, resolve_mode

ROOT = Path(__file__).parents[2]


def test_argument_then_variable_then_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAIAFLOW_MODE", raising=False)
    assert resolve_mode() is Mode.DEV
    monkeypatch.setenv("GAIAFLOW_MODE", "prod_local")
    assert resolve_mode() is Mode.PROD_LOCAL
    assert resolve_mode("prod") is Mode.PROD


def test_unknown_mode_guesses_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_mode("prod-local")
    assert str(caught.value) == (
        "unknown mode `prod-local` (did you mean `prod_local`?)\nhint: one of dev, dev_docker, prod_local, prod"
    )
    monkeypatch.setenv("GAIAFLOW_MODE", "x")
    with pytest.raises(UsageError, match="from the variable `GAIAFLOW_MODE`"):
        resolve_mode()


def test_noxfile_lists_the_same_modes() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert ast.literal_eval(values["MODES"]) == tuple(m.value for m in Mode)
