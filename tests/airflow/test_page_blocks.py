"""Each example of the pages that makes tasks is taken by Airflow and by `create_task`, in every mode."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.definitions._internal.contextmanager import DagContext

from gaiaflow import envvar, tasks
from gaiaflow.modes import Mode
from tests import pages

BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MAKES = re.compile(r"\b(?:create_task|task_factory)\(|\bwith DAG\(")
EXAMPLES = [
    pytest.param(textwrap.dedent(block), id=f"{page}-{number}")
    for page, text in pages.texts().items()
    for number, (_, block) in enumerate(BLOCK.findall(text))
    if MAKES.search(block)
]
# A page may leave out what the example before it imports.
KNOWN = {
    "DAG": DAG,
    **{name: getattr(tasks, name) for name in ("FromRun", "FromTask", "create_task", "task_factory")},
}
SLACK = "airflow.providers.slack.notifications.slack_webhook"


def named_elsewhere(block: str) -> set[str]:
    """The tasks whose results an example takes and that it does not make."""
    taken = set(re.findall(r'FromTask\("([\w.]+)"|"task": "([\w.]+)"', block))
    made = set(re.findall(r'create_task\(\s*(?:task_id=)?"(\w+)"|@task\.sensor.*?def (\w+)', block, re.DOTALL))
    return {one or other for one, other in taken} - {one or other for one, other in made}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("block", EXAMPLES)
def test_the_example_makes_its_tasks(
    block: str, mode: Mode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(envvar.MODE, mode.value)
    monkeypatch.setenv(envvar.DATA, json.dumps({"tiles": {"path": str(tmp_path), "claim": "tiles"}}))
    monkeypatch.setenv(envvar.IMAGE, "my-project/my_package:0.1.0")
    monkeypatch.setitem(sys.modules, SLACK, SimpleNamespace(SlackWebhookNotifier=lambda **_: None))
    with DAG("page", schedule=None) as around:
        for name in sorted(named_elsewhere(block)):
            *group, task = name.split(".")
            if group:
                with TaskGroup(group[0]):
                    tasks.create_task(task, "my_package:made")
            else:
                tasks.create_task(task, "my_package:made")
        exec(compile(block, "page", "exec"), dict(KNOWN))
    assert DagContext.get_current() is None
    assert around.task_dict or "with DAG" in block


def test_the_pages_have_examples_of_both_functions() -> None:
    assert len(EXAMPLES) > 20
    assert any("task_factory(" in str(example.values) for example in EXAMPLES)
