"""Where a gaiaflow came from: each record of PEP 610 gives the requirement that brings the same one again."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import gaiaflow
from gaiaflow.projects import origin

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = {"vcs": "git", "commit_id": COMMIT}
ADDRESS = "https://git.example.org/team/gaiaflow.git"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A gaiaflow in a site-packages, with the record that an installer leaves."""

    def install(record: dict[str, Any] | None) -> origin.Origin:
        info = tmp_path / "gaiaflow-2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gaiaflow\nVersion: 2.3\n")
        if record is not None:
            (info / "direct_url.json").write_text(json.dumps(record))
        (tmp_path / "gaiaflow").mkdir()
        monkeypatch.setattr(gaiaflow, "__file__", str(tmp_path / "gaiaflow" / "__init__.py"))
        found = importlib.metadata.PathDistribution(info)
        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: found)
        return origin.find()

    return install


@pytest.mark.parametrize(
    ("record", "requirement", "repository"),
    [
        (None, "gaiaflow==2.3", origin.REPOSITORY),
        ({"url": ADDRESS, "vcs_info": GIT}, f"gaiaflow @ git+{ADDRESS}@{COMMIT}", ADDRESS),
        (
            {"url": "https://me:token@git.example.org/g.git", "vcs_info": GIT, "subdirectory": "python"},
            f"gaiaflow @ git+https://git.example.org/g.git@{COMMIT}#subdirectory=python",
            "https://git.example.org/g.git",
        ),
        (
            {"url": "ssh://git@git.example.org/g.git", "vcs_info": GIT},
            f"gaiaflow @ git+ssh://git@git.example.org/g.git@{COMMIT}",
            "ssh://git@git.example.org/g.git",
        ),
        (
            {"url": "file:///srv/g", "vcs_info": GIT},
            f"gaiaflow @ git+file:///srv/g@{COMMIT}",
            origin.REPOSITORY,
        ),
        ({"url": "file:///srv/g%20f", "dir_info": {}}, "gaiaflow @ file:///srv/g%20f", origin.REPOSITORY),
        (
            {"url": "https://me:pw@example.org/gaiaflow-2.3-py3-none-any.whl", "archive_info": {}},
            "gaiaflow @ https://example.org/gaiaflow-2.3-py3-none-any.whl",
            origin.REPOSITORY,
        ),
    ],
)
def test_the_record_of_the_installer_decides(
    installed: Any, record: dict[str, Any] | None, requirement: str, repository: str
) -> None:
    found = installed(record)
    assert (found.requirement, found.repository) == (requirement, repository)
    assert found.released == (record is None)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("file:///srv/gaiaflow-2.3-py3-none-any.whl", "a file that only this machine has"),
        ("https://example.org/gaiaflow-2.3-py3-none-any.whl", "a file"),
    ],
)
def test_a_wheel_of_this_machine_is_told_as_one(installed: Any, url: str, kind: str) -> None:
    found = installed({"url": url, "archive_info": {}})
    assert (found.requirement, found.kind) == (f"gaiaflow @ {url}", kind)


def clone(folder: Path, remote: str = "") -> Path:
    (folder / "gaiaflow").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    if remote:
        subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", remote], check=True)
    return folder


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        ("", origin.REPOSITORY),
        ("/somewhere/else", origin.REPOSITORY),
        (f"{ADDRESS}", ADDRESS),
        ("https://me:token@git.example.org/g.git", "https://git.example.org/g.git"),
        ("git@git.example.org:team/g.git", "git@git.example.org:team/g.git"),
    ],
)
def test_a_clone_is_required_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: str, repository: str
) -> None:
    folder = clone(tmp_path / "my clone", remote)
    monkeypatch.setattr(gaiaflow, "__file__", str(folder / "gaiaflow" / "__init__.py"))
    found = origin.find()
    assert found.requirement == f"gaiaflow @ {folder.as_uri()}"
    assert (found.repository, found.released) == (repository, False)
