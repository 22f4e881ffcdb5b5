"""What containers of the stack reach without a proxy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gaiaflow.stack.composed.direct import direct_names


def test_the_hosts_of_the_shell_of_docker_and_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"default": {"httpProxy": "http://proxy:3128", "noProxy": "git.corp.example"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.delenv("no_proxy", raising=False)
    hosts = direct_names()["NO_PROXY"].split(",")
    assert direct_names()["no_proxy"].split(",") == hosts
    assert {"intranet.example", "git.corp.example", "127.0.0.1", "mlflow", "s3", "postgres"} <= set(hosts)
