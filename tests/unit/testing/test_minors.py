"""The locks of the Airflow minors: one for each in noxfile.py, pinned, hashed, and of that minor."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ROOT / "tests" / "locks"


def minors() -> tuple[str, ...]:
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    (found,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "AIRFLOW_MINORS"
    ]
    return tuple(ast.literal_eval(found))


def test_each_minor_has_a_lock_and_no_other_has() -> None:
    assert {file.stem for file in LOCKS.glob("*.txt")} == {f"airflow-{minor}" for minor in minors()}


@pytest.mark.parametrize("minor", minors())
def test_a_lock_pins_airflow_to_its_minor(minor: str) -> None:
    text = (LOCKS / f"airflow-{minor}.txt").read_text()
    assert re.findall(r"^apache-airflow==(\d+\.\d+)\.", text, re.MULTILINE) == [minor]


@pytest.mark.parametrize("minor", minors())
def test_every_package_of_a_lock_is_pinned_and_hashed(minor: str) -> None:
    text = (LOCKS / f"airflow-{minor}.txt").read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[\w.\[\]-]+==", block), block
        assert "--hash=sha256:" in block
    assert "://" not in text


def test_the_locks_share_the_providers() -> None:
    """So that a column that differs tells of Airflow, not of a provider."""
    found = [
        re.findall(r"^apache-airflow-providers-\S+", (LOCKS / f"airflow-{minor}.txt").read_text(), re.MULTILINE)
        for minor in minors()
    ]
    assert found[0]
    assert all(one == found[0] for one in found)
