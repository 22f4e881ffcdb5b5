"""What a start and a stop of the embedded stack do to what lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import privatefile
from gaiaflow.infra.host.ports import Claims
from gaiaflow.project import Project
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import s3, state
from gaiaflow.stack.services.backend import StartOptions


def test_a_foreign_socket_does_not_end_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    project = Project.find(tmp_path)
    privatefile.folder(project.home)
    state.write(project, state.Remembered("embedded", dict.fromkeys(PORTS, 9), [1] * 7))
    foreign, own = tmp_path / "foreign.sock", tmp_path / "own.sock"
    own.touch()
    unlink = Path.unlink

    def guarded(path: Path, missing_ok: bool = False) -> None:
        if path == foreign:
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(s3, "sockets", lambda *_: [foreign, own])
    monkeypatch.setattr(Path, "unlink", guarded)
    Embedded(project)._remove_sockets()
    assert not own.exists()


@pytest.mark.parametrize("up", [set(), {"mlflow"}], ids=["nothing runs", "mlflow runs"])
def test_replaced_environments_go_when_nothing_runs_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, up: set[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    project = Project.find(tmp_path)
    replaced = project.home / "envs" / "services-0123abcd"
    replaced.mkdir(parents=True)
    embedded = Embedded(project)
    monkeypatch.setattr(embedded, "_running_services", lambda: up)
    embedded._settle(StartOptions(["jupyter"], auto_ports=True), Claims())
    assert replaced.exists() is bool(up)
