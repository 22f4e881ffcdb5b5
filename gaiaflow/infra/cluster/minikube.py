"""The minikube command for one profile; it never sees the user's own kubeconfig."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster.preflight import Wanted
from gaiaflow.infra.host import process

# The first with everything that is asked of it here: JSON events, `docker-env`, `image ls --format json`.
OLDEST = (1, 28)
INSTALL = "https://minikube.sigs.k8s.io/docs/start/"
_START_SECONDS = 1200
_EVENT = "io.k8s.sigs.minikube."


@dataclass(frozen=True)
class Step:
    """One step of a start, as minikube counts them."""

    current: int
    total: int
    message: str


@dataclass(frozen=True)
class State:
    """What runs of a profile: minikube's words, ``Running``, ``Stopped``, ``Paused``, ``Nonexistent``.

    Attributes:
        configured: the admin's context in our kubeconfig leads to it.
    """

    host: str
    kubelet: str
    apiserver: str
    configured: bool = False

    @property
    def running(self) -> bool:
        return (self.host, self.kubelet, self.apiserver) == ("Running",) * 3

    @property
    def exists(self) -> bool:
        return self.host != "Nonexistent"

    @property
    def word(self) -> str:
        """One word for a person."""
        if self.running:
            return "running"
        if not self.exists:
            return "absent"
        return "stopped" if self.host == "Stopped" else f"broken (apiserver {self.apiserver.lower()})"


NOTHING = State("Nonexistent", "Nonexistent", "Nonexistent")


@dataclass(frozen=True)
class Minikube:
    """One profile.

    Attributes:
        kubeconfig: where minikube writes its admin's context; a file of gaiaflow's, not the user's.
    """

    profile: str
    kubeconfig: Path

    def require(self) -> str:
        """The version of minikube.

        Raises:
            MissingError: there is none, or it is too old.
        """
        found = re.search(r"v(\d+)\.(\d+)[\w.+-]*", self._run("version", "--short"))
        if found and (int(found.group(1)), int(found.group(2))) < OLDEST:
            raise MissingError(
                f"minikube {found.group(0)} is too old: v{OLDEST[0]}.{OLDEST[1]} or newer is needed",
                f"update it: {INSTALL}",
            )
        return found.group(0) if found else "of an unknown version"

    def state(self) -> State:
        """What runs now; the exit code says nothing more, since every state but one has its own."""
        done = self._call("status", "--output", "json")
        try:
            answer = json.loads(done.stdout)
            node = answer[0] if isinstance(answer, list) else answer
            named = node.get("Kubeconfig") == "Configured"
            return State(node["Host"], node["Kubelet"], node["APIServer"], named)
        except (ValueError, KeyError, IndexError):
            if done.code in {7, 85} or "not found" in done.stdout + done.stderr:
                return NOTHING
            raise self._failed("status", done) from None

    def start(self, wanted: Wanted) -> Iterator[Step]:
        """Start the profile, made on first use; the steps as minikube reports them.

        Raises:
            GaiaflowError: it did not start; minikube's own reason.
        """
        self.kubeconfig.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        failure: dict[str, str] = {}
        yield from self._events(["start", "--output", "json", *wanted.flags()], failure)
        if failure:
            raise self._not_started(failure)

    def stop(self) -> None:
        self._run("stop", seconds=300)

    def delete(self) -> None:
        """This profile and nothing else."""
        self._run("delete", seconds=300)

    def update_context(self) -> None:
        """Write the admin's context for a profile that was started otherwise."""
        self.kubeconfig.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run("update-context")

    def node_address(self) -> str:
        return self._run("ip").strip()

    def gateway(self) -> str:
        """The address under which the node, and so its pods, reach this machine."""
        text = self._run("ssh", "--", "grep host.minikube.internal /etc/hosts")
        found = re.search(r"\b(\d{1,3}(?:\.\d{1,3}){3})\b", text)
        if not found:
            raise GaiaflowError(
                f"the node of `{self.profile}` does not know host.minikube.internal", "inv prodlocal.restart"
            )
        return found.group(1)

    def docker_env(self) -> dict[str, str] | None:
        """The variables that lead to the node's own docker; None where its runtime is another."""
        done = self._call("docker-env", "--shell", "bash")
        if done.code:
            return None
        return dict(re.findall(r'^export (\w+)="(.*)"$', done.stdout, re.MULTILINE)) or None

    def load_image(self, image: str) -> None:
        self._run("image", "load", image, seconds=900)

    def images(self) -> list[dict[str, Any]]:
        """The node's images: ``id``, ``repoTags`` and ``size`` of each."""
        found = json.loads(self._run("image", "ls", "--format", "json") or "[]")
        return [dict(entry) for entry in found or []]

    def image_configuration(self, image: str) -> dict[str, Any]:
        """The OCI configuration of an image, from the node's container runtime; empty where it shows none."""
        done = self._call("ssh", "--", f"sudo crictl inspecti --output json {shlex.quote(image)}")
        try:
            return dict(json.loads(done.stdout)["info"]["imageSpec"]) if not done.code else {}
        except (ValueError, KeyError, TypeError):
            return {}

    def remove_image(self, image: str) -> None:
        self._run("image", "rm", image)

    def _environment(self) -> dict[str, str]:
        own = {"KUBECONFIG": str(self.kubeconfig), "MINIKUBE_IN_STYLE": "false"}
        return {**os.environ, **own}

    def _argv(self, *arguments: str) -> list[str]:
        return ["minikube", "--profile", self.profile, *arguments]

    def _call(self, *arguments: str, seconds: float = 60) -> process.Output:
        if not shutil.which("minikube"):
            raise MissingError("`minikube` is not on PATH", f"install it: {INSTALL}")
        return process.run(
            self._argv(*arguments),
            env=self._environment(),
            timeout=seconds,
            check=False,
            hint=f"repeat the command; minikube -p {self.profile} logs --length 50",
        )

    def _run(self, *arguments: str, seconds: float = 60) -> str:
        done = self._call(*arguments, seconds=seconds)
        if done.code:
            raise self._failed(arguments[0], done)
        return done.stdout

    def _events(self, arguments: list[str], failure: dict[str, str]) -> Iterator[Step]:
        """The steps of a command that reports in JSON; why it failed goes into `failure`."""
        report = process.lines(self._argv(*arguments), env=self._environment(), timeout=_START_SECONDS)
        last = ""
        while True:
            try:
                line = next(report)
            except TimeoutExpired:
                failure.update(message=f"it took longer than {_START_SECONDS} s")
                return
            except StopIteration as end:
                if end.value and not failure:
                    failure.update(message=last or f"exit code {end.value}")
                return
            kind, data = _event(line)
            last = last if kind else line.strip() or last
            if kind == "error":
                failure.update(data)
            elif step := _step(kind, data):
                yield step

    def _not_started(self, failure: dict[str, str]) -> GaiaflowError:
        message = failure.get("message", "").strip().splitlines()
        error = MissingError if failure.get("name", "").startswith("PROVIDER_") else GaiaflowError
        hint = failure.get("advice", "").strip() or f"minikube -p {self.profile} logs --length 50"
        reason = message[0] if message else "minikube gives no reason"
        return error(f"the cluster `{self.profile}` did not start: {reason}", hint)

    def _failed(self, what: str, done: process.Output) -> GaiaflowError:
        text = (done.stderr.strip() or done.stdout.strip()).removeprefix("X ").removeprefix("* ")
        reason = text.splitlines()[0] if text else f"exit code {done.code}"
        if "not running" in text or "not found" in text:
            return MissingError(f"the cluster `{self.profile}` is not running: {reason}", "inv prodlocal.start")
        hint = f"minikube -p {self.profile} logs --length 50"
        return GaiaflowError(f"`minikube {what}` failed: {reason}", hint)


def _event(line: str) -> tuple[str, dict[str, str]]:
    """The kind and the data of a CloudEvent; empty for what is none."""
    try:
        event = json.loads(line)
        return str(event["type"]).removeprefix(_EVENT), dict(event["data"])
    except (ValueError, KeyError, TypeError):
        return "", {}


def _step(kind: str, data: dict[str, str]) -> Step | None:
    current, total = data.get("currentstep", ""), data.get("totalsteps", "")
    if not (current.isdecimal() and total.isdecimal()):
        return None
    if kind == "step":
        return Step(int(current), int(total), data.get("message", "").strip())
    if kind == "download.progress":
        done = float(data.get("progress") or 0)
        return Step(int(current), int(total), f"downloading {Path(data.get('artifact', '')).name} {done:.0%}")
    return None
