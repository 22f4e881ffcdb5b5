"""Sensors of other providers beside our tasks: what the recipe in docs/how-to/dates.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gaiaflow.project import Project
from gaiaflow.testing import run_dag

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "dates.md"


def recipe() -> str:
    """The DAG file of the section about sensors."""
    section = PAGE.read_text(encoding="utf-8").partition("## Wait for something")[2]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]


def test_the_recipe_waits_and_hands_on_what_it_found(
    project: Callable[..., Path], airflow_home: Path, tmp_path: Path
) -> None:
    scene = tmp_path / "scene-2024-05-01.tif"
    scene.touch()
    dags = recipe().replace("/data/scene-", f"{tmp_path}/scene-").replace("my_package.scenes", "pk.f")
    root = project(dags, "def read(path, day):\n    return [path, day]\n")
    run = run_dag("wait_for_scene", "dev", project=Project.find(root), home=airflow_home, date="2024-05-01")
    assert {name: task.state for name, task in run.tasks.items()} == dict.fromkeys(("wait", "read"), "success")
    assert run.tasks["read"].value == [str(scene), "2024-05-01"]
