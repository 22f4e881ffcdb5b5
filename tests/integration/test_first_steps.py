"""Every command of docs/first-steps.md, in the page's order, as it stands there, on a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "first-steps.md"
ADDRESS = "https://github.com/bcdev/gaiaflow"
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone to clone: no `.git`"),
    pytest.mark.skipif(not shutil.which("make"), reason="`make` is not on PATH"),
]


def commands() -> list[str]:
    """The lines of the page's blocks for a shell."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def free_ports() -> dict[str, str]:
    """A free port for each service, as the variables that move them."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        numbers = [str(each.getsockname()[1]) for each in sockets]
    return dict(zip((entry.variable for entry in PORTS.values()), numbers, strict=True))


def environment() -> dict[str, str]:
    """A reader's shell: nothing of this test's, and the clone comes from here."""
    foreign = ("GAIAFLOW_", "PYTEST", "PYTHONPATH", "VIRTUAL_ENV", "NOX_", "UV_PROJECT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    instead = {"GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS}
    return {**kept, **free_ports(), "GIT_CONFIG_COUNT": "1", **instead}


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty folder and its environment; nothing runs there in the end."""
    variables = environment()
    try:
        yield tmp_path, variables
    finally:
        inv = tmp_path / "gaiaflow" / ".venv" / "bin" / "inv"
        if inv.exists():
            argv = [str(inv), "dev.stop"]
            subprocess.run(argv, cwd=tmp_path / "gaiaflow", env=variables, check=True, timeout=120)


def test_the_page_works_from_its_first_line_to_its_last(shell: tuple[Path, dict[str, str]]) -> None:
    folder, variables = shell
    told = [f"echo '<<{number}>>'\n{line}" for number, line in enumerate(commands())]
    script = "set -euo pipefail\n" + "\n".join(told)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    answers = dict(re.findall(r"<<(\d+)>>\n(.*?)(?=<<\d+>>|\Z)", done.stdout, re.DOTALL))
    shown = {line: answers[str(number)] for number, line in enumerate(commands())}
    assert "co2_forecast" in shown["inv dag.list"]
    rows = shown["inv dag.run co2_forecast"].splitlines()
    assert len([row for row in rows if re.match(r"(preprocess|modelling\.\w+) +success", row)]) == 3
    assert "co2-forecast" in shown["inv model.list"]
    assert all(f"{service} " in shown["inv dev.status"] for service in ("s3", "mlflow", "airflow", "jupyter"))
    assert "KubernetesPodOperator" in next(text for line, text in shown.items() if "dag.explain" in line)
    assert variables["GAIAFLOW_AIRFLOW_PORT"] in shown["inv dev.credentials"]


def test_the_page_has_the_commands_that_a_reader_expects() -> None:
    first = " ".join(commands()[:4])
    assert first.startswith(f"git clone {ADDRESS} cd gaiaflow make setup")
    assert commands()[-1] == "inv dev.stop"
