"""What is asked of the minikube command and how its answers are read; the command is the test's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gaiaflow.errors import GaiaflowError, MissingError
from gaiaflow.infra.cluster.minikube import NOTHING, Minikube, State, Step
from gaiaflow.infra.cluster.preflight import Wanted

FAKE = """#!{python}
import json, os, sys
folder = {folder!r}
words = sys.argv[1:]
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps([words, os.environ["KUBECONFIG"]]) + "\\n")
answers = json.load(open(folder + "/answers"))
code, out, err = answers.get(words[2] if words[0] == "--profile" else words[0], (64, "", "not expected"))
print(out, end="")
print(err, end="", file=sys.stderr)
sys.exit(code)
"""


class Fake:
    """A minikube that answers what it was told, by the name of the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "bin" / "minikube"
        program.parent.mkdir()
        program.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.answers: dict[str, Any] = {}

    def answer(self, command: str, code: int, out: str = "", err: str = "") -> None:
        self.answers[command] = (code, out, err)
        (self.folder / "answers").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("KUBECONFIG", "/home/user/.kube/config")
    return made


@pytest.fixture
def minikube(tmp_path: Path) -> Minikube:
    return Minikube("gaiaflow-p", tmp_path / "kube" / "admin")


def event(kind: str, **data: str) -> str:
    return json.dumps({"specversion": "1.0", "type": f"io.k8s.sigs.minikube.{kind}", "data": data}) + "\n"


def test_start_reports_each_step_as_minikube_counts_it(fake: Fake, minikube: Minikube) -> None:
    fake.answer(
        "start",
        0,
        event("step", currentstep="1", totalsteps="19", name="Selecting Driver", message="Using docker\n")
        + "W1121 not an event\n"
        + event(
            "download.progress", currentstep="5", totalsteps="19", artifact="/c/preload.tar", progress="0.25"
        )
        + event("info", message="something")
        + event("step", currentstep="", totalsteps="19", name="Stopping", message="a detour")
        + event("step", currentstep="19", totalsteps="19", name="Done", message="Done!"),
    )
    steps = list(minikube.start(Wanted.parse("2", "4g", "docker", "v1.33.1")))
    assert steps == [
        Step(1, 19, "Using docker"),
        Step(5, 19, "downloading preload.tar 25%"),
        Step(19, 19, "Done!"),
    ]
    words, kubeconfig = fake.calls[0]
    assert words == [
        *("--profile", "gaiaflow-p", "start", "--output", "json"),
        *("--cpus=2", "--memory=4096mb", "--driver=docker", "--kubernetes-version=v1.33.1"),
    ]
    assert kubeconfig == str(minikube.kubeconfig)


def test_what_was_not_asked_for_is_minikubes_choice(fake: Fake, minikube: Minikube) -> None:
    fake.answer("start", 0)
    assert list(minikube.start(Wanted())) == []
    assert fake.calls[0][0][-2:] == ["--output", "json"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("PROVIDER_DOCKER_NOT_RUNNING", MissingError), ("RSRC_INSUFFICIENT_CORES", GaiaflowError)],
)
def test_start_fails_with_minikubes_own_reason_and_advice(
    fake: Fake, minikube: Minikube, name: str, kind: type[GaiaflowError]
) -> None:
    failure = event("error", name=name, message="docker is down\nmore", advice="Start Docker", exitcode="69")
    fake.answer("start", 69, event("step", currentstep="0", totalsteps="19", message="x") + failure)
    with pytest.raises(GaiaflowError, match="`gaiaflow-p` did not start: docker is down\n") as caught:
        list(minikube.start(Wanted()))
    assert type(caught.value) is kind
    assert caught.value.hint == "Start Docker"


def test_a_start_that_dies_without_an_event_shows_its_last_line(fake: Fake, minikube: Minikube) -> None:
    fake.answer("start", 137, event("step", currentstep="0", totalsteps="19", message="x"), "out of memory\n")
    with pytest.raises(GaiaflowError, match="did not start: out of memory"):
        list(minikube.start(Wanted()))


def test_no_minikube_is_something_missing(
    tmp_path: Path, minikube: Minikube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="`minikube` is not on PATH") as caught:
        minikube.require()
    assert caught.value.exit_code == 3
    with pytest.raises(MissingError, match="not on PATH"):
        minikube.state()


@pytest.mark.parametrize("text", ["v1.27.1\n", "v0.35.0\n"])
def test_an_old_minikube_is_refused(fake: Fake, minikube: Minikube, text: str) -> None:
    fake.answer("version", 0, text)
    with pytest.raises(MissingError, match=r"too old: v1\.28 or newer"):
        minikube.require()


@pytest.mark.parametrize("text", ["v1.28.0\n", "v1.35.0\n", "v2.0.0-beta.1\n"])
def test_a_newer_minikube_will_do(fake: Fake, minikube: Minikube, text: str) -> None:
    fake.answer("version", 0, text)
    assert minikube.require() == text.strip()


def test_a_minikube_of_an_unknown_version_is_not_too_old(fake: Fake, minikube: Minikube) -> None:
    fake.answer("version", 0, "unknown\n")
    assert minikube.require() == "of an unknown version"


CONFIGURATION = {"os": "linux", "config": {"User": "10001:0"}, "rootfs": {"diff_ids": ["sha256:1"]}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((0, json.dumps({"status": {"id": "x"}, "info": {"imageSpec": CONFIGURATION}})), CONFIGURATION),
        ((0, json.dumps({"status": {"id": "x"}})), {}),
        ((0, "no JSON"), {}),
        ((1, "", "no such image"), {}),
    ],
)
def test_what_the_runtime_of_the_node_says_of_an_image(
    fake: Fake, minikube: Minikube, answer: tuple[int, str], expected: dict[str, Any]
) -> None:
    fake.answer("ssh", *answer)
    assert minikube.image_configuration("docker.io/p/p:1") == expected
    assert fake.calls[0][0][2:] == ["ssh", "--", "sudo crictl inspecti --output json docker.io/p/p:1"]


NODE = {
    "Name": "p",
    "Host": "Running",
    "Kubelet": "Running",
    "APIServer": "Running",
    "Kubeconfig": "Configured",
}


@pytest.mark.parametrize(
    ("code", "answer", "expected", "word"),
    [
        (0, NODE, State("Running", "Running", "Running", True), "running"),
        (4, {**NODE, "Kubeconfig": "Misconfigured"}, State("Running", "Running", "Running"), "running"),
        (0, [NODE, {**NODE, "Worker": True}], State("Running", "Running", "Running", True), "running"),
        (7, {**NODE, "Host": "Stopped"}, State("Stopped", "Running", "Running", True), "stopped"),
        (
            2,
            {**NODE, "APIServer": "Paused"},
            State("Running", "Running", "Paused", True),
            "broken (apiserver paused)",
        ),
    ],
)
def test_state(fake: Fake, minikube: Minikube, code: int, answer: Any, expected: State, word: str) -> None:
    fake.answer("status", code, json.dumps(answer))
    assert minikube.state() == expected
    assert minikube.state().word == word


def test_a_profile_that_is_not_there(fake: Fake, minikube: Minikube) -> None:
    fake.answer("status", 85, '* Profile "gaiaflow-p" not found. Run "minikube profile list"\n')
    assert minikube.state() == NOTHING
    assert minikube.state().word == "absent"


def test_a_status_that_says_nothing_is_an_error(fake: Fake, minikube: Minikube) -> None:
    fake.answer("status", 1, "", "X Exiting due to HOST_HOME_PERMISSION: permission denied\n")
    with pytest.raises(GaiaflowError, match=r"`minikube status` failed: Exiting due to HOST_HOME_PERMISSION"):
        minikube.state()


def test_a_stopped_node_is_something_missing(fake: Fake, minikube: Minikube) -> None:
    fake.answer("ip", 83, "", "X The control-plane node p host is not running: state=Stopped\n")
    with pytest.raises(MissingError, match="is not running") as caught:
        minikube.node_address()
    assert caught.value.hint == "inv prodlocal.start"


def test_the_gateway_is_what_the_node_calls_its_host(fake: Fake, minikube: Minikube) -> None:
    fake.answer("ssh", 0, "192.168.49.1\thost.minikube.internal\r\n")
    assert minikube.gateway() == "192.168.49.1"
    fake.answer("ssh", 0, "")
    with pytest.raises(GaiaflowError, match=r"does not know host\.minikube\.internal"):
        minikube.gateway()


def test_docker_env_is_read_and_its_absence_is_no_error(fake: Fake, minikube: Minikube) -> None:
    fake.answer(
        "docker-env", 0, 'export DOCKER_TLS_VERIFY="1"\nexport DOCKER_HOST="tcp://127.0.0.1:3"\n\n# To point\n'
    )
    assert minikube.docker_env() == {"DOCKER_TLS_VERIFY": "1", "DOCKER_HOST": "tcp://127.0.0.1:3"}
    fake.answer("docker-env", 14, "", "X The docker-env command is only compatible with the docker runtime\n")
    assert minikube.docker_env() is None


def test_images_of_an_empty_node(fake: Fake, minikube: Minikube) -> None:
    fake.answer("image", 0, "null\n")
    assert minikube.images() == []


def test_delete_names_this_profile_and_no_other(fake: Fake, minikube: Minikube) -> None:
    fake.answer("delete", 0)
    fake.answer("stop", 0)
    minikube.stop()
    minikube.delete()
    assert [words for words, _ in fake.calls] == [
        ["--profile", "gaiaflow-p", "stop"],
        ["--profile", "gaiaflow-p", "delete"],
    ]


def test_a_command_that_takes_too_long_is_no_reason_to_install_minikube(fake: Fake, minikube: Minikube) -> None:
    (fake.folder / "bin" / "minikube").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    with pytest.raises(GaiaflowError, match="did not end within 1 s") as caught:
        minikube._call("delete", seconds=1)
    assert caught.value.hint == "repeat the command; minikube -p gaiaflow-p logs --length 50"
