"""The folders of data on the Compose stack: what the proxy is told, and what holds each folder in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gaiaflow import datafolder
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.project import Project
from gaiaflow.stack.composed import datamount
from gaiaflow.stack.composed.composition import DEV_DOCKER, Composition
from tests.socket_proxy import mount

PORTS = {"s3": 19000, "mlflow": 15000, "airflow": 18080, "jupyter": 18895, "s3-console": 19001}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dags").mkdir()
    (tmp_path / "data" / "pa$th").mkdir(parents=True)
    tmp_path.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\n[tool.gaiaflow.data]\n'
        'tiles = {path = "data/pa$th", writable = true}\nabsent = {path = "data/absent"}\n'
    )
    return Project.find(tmp_path)


def overlay(composition: Composition) -> dict[str, Any]:
    return dict(yaml.safe_load((composition.home / datamount.OVERLAY).read_text()))


def test_the_proxy_is_told_of_the_folders_that_are_there(project: Project) -> None:
    composition = Composition(project, PORTS, (DEV_DOCKER,))
    told = composition.variables()["GAIAFLOW_DATA"]
    path = str(project.root / "data" / "pa$th")
    assert json.loads(told) == {"tiles": {"path": path, "writable": True}}
    target = f"{datafolder.TARGET}/tiles"
    assert mount.declared(told) == [{"Type": "bind", "Source": path, "Target": target, "ReadOnly": False}]
    assert "GAIAFLOW_DATA" not in Composition(project, PORTS).variables()


def test_the_proxy_gets_it_from_compose() -> None:
    overlay = yaml.safe_load((shipped("compose") / "dev_docker.yml").read_text())
    assert overlay["services"]["docker-proxy"]["environment"]["GAIAFLOW_DATA"] == "${GAIAFLOW_DATA:-}"


def test_both_sides_mount_at_one_place() -> None:
    assert mount.TARGET == datafolder.TARGET


def test_each_folder_and_those_above_it_are_mounts_where_functions_may_write(project: Project) -> None:
    composition = Composition(project, PORTS, (DEV_DOCKER,))
    composition.write()
    data = project.root / "data"
    held = [str(data), str(data / "pa$$th")]
    writers = {
        name
        for name, part in yaml.safe_load((shipped("compose") / "compose.yml").read_text())["services"].items()
        if "${GAIAFLOW_PROJECT}:${GAIAFLOW_PROJECT}" in part.get("volumes", [])
    }
    assert overlay(composition)["services"].keys() == writers
    for part in overlay(composition)["services"].values():
        assert part["volumes"] == [{"type": "bind", "source": path, "target": path} for path in held]
    assert composition.files[-1] == composition.home / datamount.OVERLAY


def test_without_dev_docker_nothing_is_held(project: Project) -> None:
    Composition(project, PORTS, (DEV_DOCKER,)).write()
    plain = Composition(project, PORTS)
    plain.write()
    assert not (plain.home / datamount.OVERLAY).exists()
    assert datamount.OVERLAY not in [file.name for file in plain.files]
