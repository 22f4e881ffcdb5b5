"""A registry of Debian's package `docker-registry` on loopback; Docker's configuration has its password."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = "docker-registry"
USER, PASSWORD = "me", "pw"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q\n"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class LoopbackRegistry:
    """
    Attributes:
        docker_config: a folder for DOCKER_CONFIG that has the password.
    """

    host: str
    docker_config: Path


@contextmanager
def running(folder: Path) -> Iterator[LoopbackRegistry]:
    """The registry until the block ends, with all its data in the folder."""
    if not shutil.which(PROGRAM):
        pytest.skip(f"no `{PROGRAM}` on PATH: apt-get install {PROGRAM}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "htpasswd").write_text(HTPASSWD)
    config = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    docker = folder / "docker"
    docker.mkdir()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _await(host, server, folder / "log")
        yield LoopbackRegistry(host, docker)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _await(host: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while _status(host) != 401:
        if server.poll() is not None or time.monotonic() > end:
            pytest.fail(log.read_text())
        time.sleep(0.1)


def _status(host: str) -> int:
    try:
        opener.open(f"http://{host}/v2/", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
    return 200
