"""docs/tutorial.md as a reader follows it: its files, its edits and its commands, in the page's order.

Its last part, the release, needs a production; tests/integration/test_prod.py has those commands.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import page_shell
import pytest
from page_shell import Shell

from gaiaflow.infra.images import engine
from tests import pages

PAGE = "docs/tutorial.md"
PARTS = {
    part.get("first", ""): pages.of_part(**part) for part in pages.read_table().pages if part["page"] == PAGE
}
pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not shutil.which("make"), reason="`make` is not on PATH"),
]


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page.

    Attributes:
        shell: in the home.
        root: the project, once it is made.
    """

    shell: Shell
    root: Path

    def type(self, line: str, codes: tuple[int, ...] = (0,)) -> str:
        """A line in the project, with its environment active."""
        return self.shell.run(f"{self._ready()}{line}", codes, seconds=500)

    def debug(self, line: str) -> str:
        """A line that opens the debugger, which is left again."""
        return self.shell.answer(f"{self._ready()}{line} || true", [("(Pdb)", "q")])

    def _ready(self) -> str:
        return f"cd '{self.root}'\n. .venv/bin/activate\n"

    def write(self) -> None:
        """The files of the page."""
        for name, text in re.findall(r"```python\n# (\S+\.py)\n(.*?)```", pages.texts()[PAGE], re.DOTALL):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def change(self, days: int) -> None:
        """The edit that makes a task fail, and back."""
        file = self.root / "dags" / "tides.py"
        text, times = re.subn(r'"days": \d+', f'"days": {days}', file.read_text())
        assert times == 1
        file.write_text(text)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "home").mkdir()
    more = {"HOME": str(folder / "home"), "UV_CACHE_DIR": str(Path.home() / ".cache" / "uv")}
    # Which images this machine has, as in the other tests that build.
    more |= {k: v for k, v in os.environ.items() if k.startswith("GAIAFLOW_") and k.endswith("_IMAGE")}
    shell = page_shell.make(folder / "home", folder / "bin", **{**page_shell.free_ports(), **more})
    made = Reader(shell, folder / "home" / "tides")
    try:
        yield made
    finally:
        if (made.root / ".venv" / "bin" / "inv").exists():
            made.type("gaiaflow dev.stop")


@pytest.mark.full
def test_a_pipeline_is_written_debugged_and_scheduled(reader: Reader) -> None:
    lines = PARTS[""]
    begun = lines.index(". .venv/bin/activate") + 1
    reader.shell.run("\n".join(lines[:begun]), seconds=500)
    reader.write()
    shown = {}
    failing = lines.index("gaiaflow dag.run tides")
    for number, line in enumerate(lines[begun:], begun):
        if number == failing:
            reader.change(0)
            shown["fails"] = reader.type(line, codes=(1,))
            continue
        if number == lines.index("gaiaflow dag.run tides", failing + 1):
            reader.change(10)
        shown[line] = reader.debug(line) if "--pdb" in line else reader.type(line)
    assert "ZeroDivisionError" in shown["fails"]
    assert "gaiaflow dag.replay tides mean manual__" in shown["fails"]
    assert "sum(levels) / len(levels)" in shown["gaiaflow dag.replay tides mean latest --pdb"]
    assert "1.45" in shown["gaiaflow dag.run tides"]
    assert "3 runs, 3 to make" in next(text for line, text in shown.items() if "--dry-run" in line)


@pytest.mark.full
@pytest.mark.engine
@pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers")
def test_it_runs_in_an_image(reader: Reader) -> None:
    assert reader.root.exists(), "the part before makes the project"
    shown = {line: reader.type(line) for line in PARTS["## In an image"]}
    assert "1.45" in shown["gaiaflow dag.test tides --mode dev_docker"]
    reader.type("gaiaflow dev.remove-image --yes")


@pytest.mark.full
@pytest.mark.engine
@pytest.mark.cluster
@pytest.mark.skipif(not engine.engine_answers(), reason="no Docker engine answers")
@pytest.mark.skipif(not shutil.which("minikube"), reason="`minikube` is not on PATH")
def test_it_runs_in_a_pod(reader: Reader) -> None:
    assert reader.root.exists(), "the part before makes the project"
    try:
        shown = {line: reader.type(line) for line in PARTS["## In a pod"]}
    finally:
        reader.type("gaiaflow prodlocal.cleanup --yes && gaiaflow dev.remove-image --yes")
    assert "1.45" in shown["gaiaflow dag.test tides --mode prod_local"]
    assert "image" in shown["gaiaflow dag.explain tides --mode prod_local --diff prod"]
