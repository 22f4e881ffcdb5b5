"""Docker: the client, the engine and who may talk to it, contexts, Compose, buildx, its clock."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import Any

from gaiaflow import tested
from gaiaflow.doctor import clock
from gaiaflow.doctor.check import Check, absent, failed, ok, unknown, warning
from gaiaflow.doctor.machine import architecture
from gaiaflow.doctor.place import Place
from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.host import process
from gaiaflow.infra.images.engine import connect, engine_address
from gaiaflow.infra.images.kind import DOCKER, Kind, Machine, judge

INSTALL = "https://docs.docker.com/engine/install/"
# The first with all that compose.yml and the builds use.
OLDEST_ENGINE, OLDEST_COMPOSE, OLDEST_BUILDX = (20, 10), (2, 20), (0, 10)
# Older ones let neighbours reach ports on 127.0.0.1: before 28.0 always, later after a reload of firewalld.
CLOSED_TO_NEIGHBOURS = (28, 3, 3)
_GROUP = (
    'sudo usermod -aG docker "$USER", then log in again; or rootless: dockerd-rootless-setuptool.sh install'
)
_UNNAMED = "of an unknown version"
_SECONDS, _PING_SECONDS = 10, 2


@dataclass(frozen=True)
class Facts:
    """What this user's Docker is.

    Attributes:
        client: whether there is a `docker` program.
        context: the name of the context in use; empty where ``DOCKER_HOST`` rules.
        address: where the engine is said to be.
        others: further contexts whose engines answer.
        engine: the version of the engine that answers; empty when none does.
        trouble: why none does.
        compose: the version, empty without Compose v2; likewise buildx.
        platform: what ``DOCKER_DEFAULT_PLATFORM`` asks for.
        skew: seconds that the engine's clock is ahead.
        kind: what kind of engine it is.
    """

    client: bool
    context: str
    address: str
    others: tuple[str, ...] = ()
    engine: str = ""
    architecture: str = ""
    trouble: str = ""
    compose: str = ""
    buildx: str = ""
    platform: str = ""
    skew: float | None = None
    kind: Kind = DOCKER


def read(_place: Place) -> Facts:
    client = bool(shutil.which("docker"))
    address = engine_address() or ""
    name, others = ("", ()) if os.environ.get("DOCKER_HOST") else _contexts()
    info, trouble, skew = _info()
    return Facts(
        client,
        name,
        address,
        others,
        str(info.get("ServerVersion", "")),
        architecture(str(info.get("Architecture", ""))),
        trouble,
        _version("compose", "version", "--short") if client else "",
        _version("buildx", "version") if client else "",
        os.environ.get("DOCKER_DEFAULT_PLATFORM", ""),
        skew,
        judge(info, address, Machine.this(address)),
    )


def _info() -> tuple[dict[str, Any], str, float | None]:
    """What the engine says of itself, or why it does not, and how far its clock is."""
    try:
        with contextlib.closing(connect(timeout=_SECONDS)) as engine:
            begun = time.time()
            info = dict(engine.info())
            return info, "", clock.offset(clock.parse(str(info.get("SystemTime", ""))), begun)
    except GaiaflowError as error:
        return {}, error.message, None


def _contexts() -> tuple[str, tuple[str, ...]]:
    """The context in use, and the others whose engines answer."""
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        current = ContextAPI.get_current_context()
        known = {str(c.name): str(c.Host or "") for c in ContextAPI.contexts()}
    except (DockerException, OSError, ValueError):
        return "", ()
    if current is None:
        return "", ()
    other = {name: host for name, host in known.items() if host and host != current.Host}
    return str(current.name), tuple(name for name, host in other.items() if _answers(host))


def _answers(address: str) -> bool:
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        with contextlib.closing(docker.DockerClient(base_url=address, timeout=_PING_SECONDS)) as engine:
            return bool(engine.ping())
    except (DockerException, RequestException, OSError, ValueError):
        return False


def _version(*arguments: str) -> str:
    """The version number that a plugin of the client prints; empty without it."""
    try:
        done = process.run(["docker", *arguments], timeout=_SECONDS, check=False)
    except MissingError:
        return ""
    except GaiaflowError:
        return "?"
    if done.code:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout)
    return found.group(0) if found else _UNNAMED


def client(facts: Facts) -> Check:
    if not facts.client:
        return absent("`docker` is not on PATH", f"install it: {INSTALL}")
    return ok("`docker` is on PATH")


def engine(facts: Facts) -> Check:
    """Whether an engine answers this user; the advice for a closed socket is never to open it to all."""
    if facts.engine:
        return _answering(facts)
    if "permission denied" in facts.trouble:
        return failed(f"the Docker engine at `{facts.address}` refuses this user: permission denied", _GROUP)
    if facts.others:
        return failed(
            f"the engine of the context `{facts.context}` does not answer, that of `{facts.others[0]}` does",
            f"docker context use {facts.others[0]}",
        )
    return absent(facts.trouble or "no Docker engine answers", "start Docker, then: docker info")


def _answering(facts: Facts) -> Check:
    if _older(facts.engine, OLDEST_ENGINE):
        return failed(f"the Docker engine {facts.engine} is too old: {_dotted(OLDEST_ENGINE)} or newer",
                      f"update it: {INSTALL}")  # fmt: skip
    if _older(facts.engine, CLOSED_TO_NEIGHBOURS):
        return warning(f"the Docker engine {facts.engine} may let neighbours on your network reach "
                       "ports that are published on 127.0.0.1: "
                       f"{_dotted(CLOSED_TO_NEIGHBOURS)} or newer does not",
                       f"update it: {INSTALL}")  # fmt: skip
    if facts.kind.no_stack:
        return warning(f"the stack cannot run in containers of {facts.kind.name}: {facts.kind.no_stack}",
                       "inv dev.start --backend embedded")  # fmt: skip
    if told := tested.outside(tested.ENGINE, facts.engine):
        return warning(told, f"a tested one: {INSTALL}")
    return ok(f"the Docker engine {facts.engine} answers")


def context(facts: Facts) -> Check:
    """Which engine is meant, where there may be two: Docker Desktop's and the system's."""
    if not facts.context:
        return ok("`DOCKER_HOST` names the engine") if facts.address else unknown("Docker has no context")
    if facts.others and facts.engine:
        return warning(
            f"two engines answer: `{facts.context}` is in use, images and containers of "
            f"`{facts.others[0]}` are not seen",
            f"docker context use {facts.others[0]}  # when that one is meant",
        )
    return ok(f"the context `{facts.context}` is in use")


def compose(facts: Facts) -> Check:
    return _plugin(
        "Docker Compose", facts.compose, OLDEST_COMPOSE, "https://docs.docker.com/compose/install/linux/"
    )


def buildx(facts: Facts) -> Check:
    """BuildKit, which the Dockerfiles need, comes with buildx."""
    return _plugin("buildx", facts.buildx, OLDEST_BUILDX, "https://github.com/docker/buildx#installing")


def _plugin(name: str, version: str, oldest: tuple[int, int], where: str) -> Check:
    if not version:
        return absent(f"the plugin {name} of `docker` is not installed", f"install it: {where}")
    if version == "?":
        return unknown(f"{name} did not say its version in time", "docker info")
    if _older(version, oldest):
        return failed(f"{name} {version} is too old: {_dotted(oldest)} or newer", f"update it: {where}")
    return ok(f"{name} {version}")


def platform(facts: Facts) -> Check:
    """Whether images run on the processor that they are made for."""
    if not facts.engine:
        return unknown("no engine to ask for its architecture", "docker info")
    wanted = facts.platform.removeprefix("linux/").partition("/")[0]
    if wanted and wanted != facts.architecture:
        return warning(
            f"`DOCKER_DEFAULT_PLATFORM` asks for {wanted}, the engine has {facts.architecture}: it is slow",
            "unset DOCKER_DEFAULT_PLATFORM",
        )
    return ok(f"images for {facts.architecture}")


def engine_clock(facts: Facts) -> Check:
    if not facts.engine:
        return unknown("no engine to ask for its time", "docker info")
    return clock.judge("the Docker engine", facts.skew, "restart Docker; under WSL 2: sudo hwclock --hctosys")


def _older(version: str, oldest: tuple[int, ...]) -> bool:
    """Whether a version is certainly an older one: `29-custom` is judged by its 29, a word not at all."""
    found = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    parts = tuple(int(part) for part in found.groups() if part) if found else ()
    return (*parts, *oldest[len(parts) :]) < oldest


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
