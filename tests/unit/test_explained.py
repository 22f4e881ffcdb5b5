"""The errors that the documentation explains lead to their explanation, and the others do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gaiaflow.explained import ERRORS, EXPLAINED, FAILURES, of_command, of_task

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("anchor", EXPLAINED)
def test_a_message_leads_to_its_own_explanation(anchor: str) -> None:
    message = re.sub(r"<[^>]*>", "a value, of two words\nand two lines", EXPLAINED[anchor])
    assert of_command(message) == f"{ERRORS}#{anchor}"


@pytest.mark.parametrize(
    ("message", "anchor"),
    [
        ("no file in /home/a/dags defines a DAG `co2` (did you mean `co2_forecast`?)", "no-such-dag"),
        ("DAG `co2` has no param `harmonix` (did you mean `harmonics`?)", "no-such-param"),
        ("port 8080 of `airflow` is taken by python3 (4711)", "port-is-taken"),
    ],
)
def test_a_message_with_its_values_leads_there(message: str, anchor: str) -> None:
    assert of_command(message) == f"{ERRORS}#{anchor}"


@pytest.mark.parametrize(
    "message", ["", "`kubectl` is not on PATH", "Airflow is not running any more, or is it", "x y: z"]
)
def test_another_message_leads_nowhere(message: str) -> None:
    assert of_command(message) == ""


@pytest.mark.parametrize("anchor", EXPLAINED)
def test_the_page_has_the_anchor_beside_the_explanation(anchor: str) -> None:
    rows = re.findall(rf'^\| <a id="{anchor}"></a>\[.+\]\(#.+\) \| (.+) \|$', TEXT, re.MULTILINE)
    assert len(rows) == 1
    assert len(rows[0]) > 60


def test_a_task_s_error_leads_to_a_section_of_the_failures() -> None:
    assert of_task("shop:total raised ValueError: 1") == f"{FAILURES}#an-exception"
    assert of_task("no error was handed over; see the log") == ""


@pytest.mark.parametrize("address", [ERRORS, FAILURES])
def test_a_page_is_one_of_the_source(address: str) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    source = re.findall(r'^Source = "(.+)"$', project, re.MULTILINE)
    page = address.partition("/blob/main/")[2]
    assert [f"{url}/blob/main/{page}" for url in source] == [address]
    assert (ROOT / page).exists()
