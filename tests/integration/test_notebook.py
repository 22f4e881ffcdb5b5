"""The introduction as a person runs it: in a kernel of the running JupyterLab, cell by cell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from example_stack import Running

from gaiaflow.projects import scaffold

pytestmark = pytest.mark.stack
NOTEBOOK = Path("notebooks", "mlflow_introduction.ipynb")
KERNEL = Path(__file__).with_name("jupyter_kernel.py")


@pytest.fixture(scope="module")
def started(stack: Running) -> Running:
    stack.start("--auto-ports", "--wait", "400")
    return stack


def run(started: Running, cells: list[str]) -> list[dict[str, Any]]:
    """What each cell wrote, in one kernel that belongs to the notebook."""
    jupyter = started.credentials()["jupyter"]
    python = started.root / ".gaiaflow" / "envs" / "project" / "bin" / "python"
    address = jupyter["url"].partition("?")[0].removesuffix("/lab").rstrip("/")
    done = subprocess.run(
        [python, KERNEL, address, jupyter["secret"], str(NOTEBOOK)],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cells_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def assert_shows_objects(started: Running, text: str, made: str) -> None:
    """The last cell shows the first few objects; what the notebook logged is in the store, through MLflow."""
    keys = started.s3("print(*(o['Key'] for o in c.list_objects_v2(Bucket='mlflow')['Contents']), sep='\\n')")
    shown = [line.partition(" ")[2] for line in text.strip().splitlines()]
    assert shown
    assert set(shown) <= set(keys.splitlines())
    assert any(key.endswith(made) for key in keys.splitlines())


def test_the_introduction_runs_and_finds_mlflow_and_s3(started: Running) -> None:
    cells = cells_of(started.root / NOTEBOOK)
    told = run(started, cells)
    assert [cell["error"] for cell in told] == [""] * len(cells)
    assert started.credentials()["mlflow"]["url"] in told[0]["text"]
    assert "harmonics" in told[2]["text"]
    assert_shows_objects(started, told[-1]["text"], "backtest.png")


def test_the_introduction_of_a_project_without_examples_does_too(started: Running, tmp_path: Path) -> None:
    scaffold.render(tmp_path, {"name": "plain", "package": "co2_forecast", "examples": False})
    cells = cells_of(tmp_path / NOTEBOOK)
    told = run(started, cells)
    assert [cell["error"] for cell in told] == [""] * len(cells)
    assert "CO2" in told[0]["text"]  # its package stands for the other
    assert "rate 0.2" in told[3]["text"]
    assert_shows_objects(started, told[-1]["text"], "notes.txt")


def test_a_kernel_imports_the_projects_package_as_it_is_now(started: Running) -> None:
    module = started.root / "co2_forecast" / "utils" / "fresh.py"
    module.write_text('"""Fresh."""\n\nVALUE = 42\n', encoding="utf-8")
    try:
        (told,) = run(
            started, ["import sys; from co2_forecast.utils import fresh; print(fresh.VALUE, sys.prefix)"]
        )
    finally:
        module.unlink()
    assert told["error"] == ""
    assert told["text"].split() == ["42", str(started.root / ".gaiaflow" / "envs" / "project")]
