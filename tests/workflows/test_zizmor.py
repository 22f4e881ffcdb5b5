"""zizmor over this repository's workflows and over those of a project from the template; offline."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from gaiaflow.projects import scaffold

ROOT = Path(__file__).parents[2]
ZIZMOR = Path(sysconfig.get_path("scripts"), "zizmor")
# A finding that stays, and why; empty is best.
IGNORED: dict[str, str] = {}


def findings(folder: Path) -> tuple[int, str]:
    argv = [str(ZIZMOR), "--offline", "--no-progress", "--format", "plain", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_our_workflows() -> None:
    code, report = findings(ROOT)
    assert code == 0, report


@pytest.mark.parametrize("environment", scaffold.ENVIRONMENTS)
def test_the_workflows_of_a_project(environment: str, tmp_path: Path) -> None:
    scaffold.render(tmp_path, {"name": "sea-ice", "package": "sea_ice", "environment": environment})
    code, report = findings(tmp_path)
    assert code == 0, report


def test_it_sees_a_fault(tmp_path: Path) -> None:
    workflow = tmp_path / ".github" / "workflows" / "ci.yml"
    workflow.parent.mkdir(parents=True)
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    workflow.write_text(text.replace("de0fac2e4500dabe0009e67214ff5f5447ce83dd", "v6"))
    code, report = findings(tmp_path)
    assert code != 0
    assert "unpinned-uses" in report
