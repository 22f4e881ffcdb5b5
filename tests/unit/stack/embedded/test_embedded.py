"""What a stop of the embedded stack does where something is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiaflow.endpoints import PORTS
from gaiaflow.infra.host import privatefile
from gaiaflow.project import Project
from gaiaflow.stack.embedded.embedded import Embedded
from gaiaflow.stack.services import s3, state


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
