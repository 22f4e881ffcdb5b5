"""The local cluster for real: namespace, rights, images, secrets, and the way back to the host.

A profile of the tests' own is started and deleted again. With `GAIAFLOW_TEST_PROFILE` that profile is used and
left running, and what would stop or delete it is skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import gaiaflow
from gaiaflow.endpoints import Endpoints
from gaiaflow.errors import GaiaflowError
from gaiaflow.infra.cluster import account, gateway, kubeconfig, manifests, network as clusternetwork, room
from gaiaflow.infra.cluster.api import Cluster, labels
from gaiaflow.infra.cluster.target import Target
from gaiaflow.project import Project

pytestmark = pytest.mark.cluster
SHARED = os.environ.get("GAIAFLOW_TEST_PROFILE", "")
PROFILE = SHARED or "gaiaflow-test"
NAME = "clustertest"
PORTS = range(19130, 19140)
IMAGE = "gaiaflow-test/existing:1"
USERS_OWN = "apiVersion: v1\nkind: Config\n# mine\nclusters: []\ncontexts: []\nusers: []\ncurrent-context: ''\n"


@dataclass(frozen=True)
class Bed:
    """A project with its cluster.

    Attributes:
        kubeconfig: the user's own, which nothing may change.
    """

    folder: Path
    kubeconfig: Path
    python: str

    @property
    def target(self) -> Target:
        return Target.choose(Project.find(self.folder), profile=PROFILE)

    @property
    def airflow(self) -> Cluster:
        """The cluster with Airflow's rights."""
        return Cluster.connect(self.target.config, "gaiaflow")

    def inv(self, *words: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """`inv` in the project, as a person calls it."""
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "GAIAFLOW_PROFILE": PROFILE, **variables}
        env["PYTHONPATH"] = str(Path(gaiaflow.__file__).parents[1])
        argv = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(
            argv, cwd=self.folder, env=env, input=text, capture_output=True, text=True, timeout=500, check=False
        )


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    for program in ("minikube", "docker"):
        if not shutil.which(program):
            pytest.skip(f"no `{program}` on PATH")
    python = os.environ.get("GAIAFLOW_PYTHON_IMAGE", "python:3.11-slim")
    if subprocess.run(["docker", "image", "inspect", python], capture_output=True, check=False).returncode:
        pytest.skip(f"this machine has no image `{python}`")
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{NAME}"\nversion = "1.0"\n[tool.gaiaflow]\nallowed_contexts = ["named-prod"]\n'
    )
    (folder / "tasks.py").write_text("from gaiaflow.lifecycle.namespace import namespace\n\nns = namespace()\n")
    (folder / "clusterpkg").mkdir()
    (folder / "clusterpkg" / "__init__.py").write_text("ANSWER = 42\n")
    (folder / "requirements.lock").touch()
    own = folder / "users-own"
    own.write_text(USERS_OWN)
    made = Bed(folder, own, python)
    started = made.inv("prodlocal.start", "--cluster-only")
    if "is running, and" in started.stderr:
        pytest.skip(f"another profile holds this machine: {started.stderr.splitlines()[-2]}")
    assert started.returncode == 0, started.stderr
    subprocess.run(["docker", "tag", python, IMAGE], check=True)
    yield made
    subprocess.run(["docker", "rmi", IMAGE], capture_output=True, check=False)
    if SHARED:
        made.target.connect().delete("Namespace", "", made.target.namespace)
    else:
        made.inv("prodlocal.cleanup", "--yes")


@pytest.fixture
def own_profile(bed: Bed) -> Bed:
    if SHARED:
        pytest.skip(f"the profile `{SHARED}` is shared: GAIAFLOW_TEST_PROFILE is set")
    return bed


def run_pod(bed: Bed, code: str, image: str = "", claim: str = "", **spec: Any) -> str:
    """What a Python program prints in a pod, started with Airflow's rights; a claim is at /data, read-only."""
    container = {
        "name": "c",
        "image": image or bed.python,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", code],
        **spec,
    }
    volumes = (
        [{"name": "data", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}] if claim else []
    )
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data", "readOnly": True}]
    name = f"t-{hashlib.sha256(repr(container).encode()).hexdigest()[:8]}-{time.monotonic_ns() % 10**6}"
    pods = f"/api/v1/namespaces/{bed.target.namespace}/pods"
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"run": "clustertest"}},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": volumes},
    }
    bed.airflow.request("POST", pods, body)
    try:
        until = time.monotonic() + 90
        phase = ""
        while phase not in {"Succeeded", "Failed"} and time.monotonic() < until:
            time.sleep(0.3)
            phase = bed.airflow.request("GET", f"{pods}/{name}")[1]["status"].get("phase", "")
        command = ["kubectl", "--kubeconfig", str(bed.target.config), "logs", name]
        logs = subprocess.run(command, capture_output=True, text=True, check=False)
        assert phase == "Succeeded", f"{phase}: {logs.stdout}{logs.stderr}"
        return logs.stdout
    finally:
        bed.airflow.delete("Pod", bed.target.namespace, name, grace=0)


def versions(bed: Bed) -> dict[str, str]:
    cluster, found = bed.target.connect(), {}
    project = bed.target.project
    things = manifests.manifests(labels(project), bed.target.namespace)
    for thing in room.fitted(things, project.settings.cluster):
        metadata = thing["metadata"]
        there = cluster.find(thing["kind"], metadata.get("namespace", ""), metadata["name"])
        assert there is not None, thing["kind"]
        found[thing["kind"]] = there["metadata"]["resourceVersion"]
    return found


def test_starting_again_changes_nothing(bed: Bed) -> None:
    before = versions(bed)
    again = bed.inv("prodlocal.start", "--cluster-only")
    assert again.returncode == 0, again.stderr
    assert f"the cluster {PROFILE} is already running" in again.stderr
    assert versions(bed) == before
    assert len(before) == 6


def test_status_as_data(bed: Bed) -> None:
    facts = json.loads(bed.inv("prodlocal.status", "--json").stdout)
    assert (facts["cluster"], facts["state"], facts["ready"]) == (PROFILE, "running", True)
    assert facts["namespace"] == f"gaiaflow-{bed.target.project.id}"


def allowed(cluster: Cluster, verb: str, resource: str, namespace: str) -> bool:
    name, _, sub = resource.partition("/")
    name, _, group = name.partition(".")
    place = {"group": group, "namespace": namespace}
    attributes = {"verb": verb, "resource": name, "subresource": sub, **place}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)[1]
    return bool(answer["status"]["allowed"])


def test_airflows_account_may_do_what_the_operator_does_and_nothing_else(bed: Bed) -> None:
    cluster, here = bed.airflow, bed.target.namespace
    needed = {(verb, "pods") for verb in ("create", "get", "list", "watch", "patch", "delete")}
    needed |= {
        ("get", "pods/log"),
        ("get", "pods/exec"),
        ("create", "pods/exec"),
        ("create", "secrets"),
        ("list", "events"),
        *((verb, "jobs.batch") for verb in ("create", "get", "list", "delete")),
    }
    resources = (
        "pods",
        "pods/log",
        "pods/exec",
        "events",
        "secrets",
        "configmaps",
        "serviceaccounts",
        "services",
        "jobs.batch",
    )
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    for resource in resources:
        for verb in verbs:
            assert allowed(cluster, verb, resource, here) == ((verb, resource) in needed), f"{verb} {resource}"
            assert not allowed(cluster, verb, resource, "default"), f"{verb} {resource} in default"


def test_a_denied_namespace_is_one_clear_message(bed: Bed) -> None:
    with pytest.raises(GaiaflowError, match=r"denied `GET /api/v1/namespaces/default/pods`: pods is forbidden"):
        bed.airflow.find_all("Pod", "default")


def test_the_kubeconfig_is_written_anew_and_the_users_own_never(bed: Bed) -> None:
    bed.target.config.unlink()
    done = bed.inv("prodlocal.config", "--json")
    assert json.loads(done.stdout)["kubeconfig"] == str(bed.target.config)
    assert bed.target.config.stat().st_mode & 0o777 == 0o600
    text = bed.target.config.read_text()
    assert "certificate-authority-data" in text
    assert "client-key" not in text
    assert bed.airflow.find_all("Pod", bed.target.namespace) is not None
    assert bed.kubeconfig.read_text() == USERS_OWN


def test_the_kubeconfig_works_in_a_container_of_this_machine(bed: Bed) -> None:
    server = json.loads(bed.target.container_config.read_text())["clusters"][0]["cluster"]["server"]
    trusting = "ssl._create_unverified_context()"
    code = f"import ssl, urllib.request as u; print(u.urlopen('{server}/version', context={trusting}).status)"
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", PROFILE, bed.python, "python3", "-c", code],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "200", done.stderr


def test_airflow_in_containers_joins_the_clusters_network_and_leaves_it(bed: Bed) -> None:
    project = bed.target.project
    made = []
    for service in ("airflow-scheduler", "mlflow"):
        labels = {"gaiaflow.project": project.id, "com.docker.compose.service": service}
        flags = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
        command = ["docker", "run", "--detach", "--rm", *flags, bed.python, "sleep", "120"]
        made.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    try:
        names = subprocess.run(
            ["docker", "inspect", "--format", "{{.Name}}", made[0]], capture_output=True, text=True, check=True
        )
        assert clusternetwork.join(project, PROFILE) == [names.stdout.strip().removeprefix("/")]
        assert clusternetwork.join(project, PROFILE) == []
        assert len(clusternetwork.leave(project, PROFILE)) == 1
        assert clusternetwork.leave(project, PROFILE) == []
        assert clusternetwork.join(project, "no-such-network") == []
    finally:
        subprocess.run(["docker", "rm", "--force", *made], capture_output=True, check=False)


def test_the_token_of_a_secret_serves_servers_without_token_requests(bed: Bed, tmp_path: Path) -> None:
    admin, here = bed.target.connect(), bed.target.namespace
    token = kubeconfig.secret_token(admin, here, manifests.ACCOUNT)
    file = tmp_path / "config"
    kubeconfig.write(file, kubeconfig.account_config(admin.access, here, manifests.ACCOUNT, token))
    assert allowed(Cluster.connect(file, "gaiaflow"), "create", "pods", here)
    assert admin.delete("Secret", here, f"{manifests.ACCOUNT}-token")


def test_an_image_of_this_machine_reaches_the_cluster_and_leaves_it(bed: Bed) -> None:
    loaded = bed.inv("prodlocal.dockerize", "--existing", "--image", IMAGE, "--json")
    assert loaded.returncode == 0, loaded.stderr
    assert json.loads(loaded.stdout)["image"].endswith(IMAGE)
    again = bed.inv("prodlocal.dockerize", "--existing", "--image", IMAGE, "--json")
    assert json.loads(again.stdout)["way"] == "there already"
    listed = json.loads(bed.inv("prodlocal.images", "--json").stdout)["images"]
    assert any(row["image"].endswith(IMAGE) for row in listed)
    assert run_pod(bed, "print(6 * 7)", IMAGE) == "42\n"
    assert bed.inv("prodlocal.remove-image", "--image", IMAGE, "--yes").returncode == 0
    gone = bed.inv("prodlocal.remove-image", "--image", IMAGE, "--yes")
    assert gone.returncode == 3
    assert f"no image `{IMAGE}` in `{PROFILE}`" in gone.stderr


def test_an_image_that_this_machine_does_not_have(bed: Bed) -> None:
    done = bed.inv("prodlocal.dockerize", "--existing", "--image", "gaiaflow-test/none:1")
    assert done.returncode == 3
    assert "no image `gaiaflow-test/none:1` on this machine" in done.stderr


def test_the_projects_image_is_built_and_runs_as_a_pod(bed: Bed) -> None:
    done = bed.inv("prodlocal.dockerize", "--json")
    assert done.returncode == 0, done.stderr
    image = json.loads(done.stdout)["image"]
    assert image.endswith(f"{NAME}/clusterpkg:1.0")
    assert run_pod(bed, "import clusterpkg; print(clusterpkg.ANSWER)", image, command=None, args=[
        "python", "-c", "import clusterpkg; print(clusterpkg.ANSWER)"]) == "42\n"  # fmt: skip
    assert bed.inv("prodlocal.remove-image", "--yes").returncode == 0


READ = (
    "import hashlib, pathlib\n"
    "root = pathlib.Path('/data')\n"
    "for path in sorted(p for p in root.rglob('*') if p.is_file()):\n"
    "    print(path.relative_to(root), hashlib.sha256(path.read_bytes()).hexdigest())\n"
    "try: (root / 'new').touch()\n"
    "except OSError as error: print(error.errno)"
)


def test_a_folder_of_data_reaches_pods_and_is_replaced(bed: Bed) -> None:
    folder = bed.folder / "data" / "tiles"
    (folder / "nested").mkdir(parents=True)
    table = '[tool.gaiaflow.data]\ntiles = {path = "data/tiles", claim = "tiles"}\n'
    kept = (bed.folder / "pyproject.toml").read_text()
    (bed.folder / "pyproject.toml").write_text(kept + table)
    files = {"a.bin": os.urandom(3_000_000), "nested/grün.txt": "ünïcödé".encode(), "none": b""}
    assert bed.inv("prodlocal.dockerize").returncode == 0
    for content in (files, {"b.bin": b"b"}):
        for name in [path.name for path in folder.iterdir() if path.is_file()]:
            (folder / name).unlink()
        (folder / "nested" / "grün.txt").unlink(missing_ok=True)
        for name, data in content.items():
            (folder / name).write_bytes(data)
        done = bed.inv("prodlocal.push-data", "tiles", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"][0]["files"] == len(content)
        expected = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(content.items())]
        assert run_pod(bed, READ, claim="tiles").splitlines() == [*expected, "30"]  # EROFS
    assert bed.target.connect().find_all("Pod", bed.target.namespace) == []
    (bed.folder / "pyproject.toml").write_text(kept)
    absent = bed.inv("prodlocal.push-data", "tiles")
    assert absent.returncode == 2
    assert "data `tiles` is not declared" in absent.stderr
    bed.inv("prodlocal.start", "--cluster-only")  # the quota has room for as many claims as are declared


class Service(BaseHTTPRequestHandler):
    """Answers with the name it was called by."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        return


@contextmanager
def services(ports: list[int]) -> Iterator[None]:
    servers = [ThreadingHTTPServer(("127.0.0.1", port), Service) for port in ports]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def free_ports(count: int) -> list[int]:
    found = []
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found[:count]


def listening(port: int) -> set[str]:
    """The addresses that something listens on at a port, as the kernel writes them."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].partition(":")[0]
        for row in rows
        if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
    }


def test_pods_reach_services_on_loopback_and_nobody_else_does(bed: Bed) -> None:
    mlflow, s3 = free_ports(2)
    found = gateway.find(bed.target)
    endpoints = Endpoints({"mlflow": mlflow, "s3": s3})
    with services([mlflow, s3]):
        if found.address:
            gateway.open_ports(bed.target.project, found.address, account.forwarded_ports(endpoints))
        file = account.write_task_environment(bed.target, endpoints, found.name, {})
        variables = dict(line.replace('"', "").split("=", 1) for line in file.read_text().splitlines())
        names = ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL_S3")
        asks = "print(u.urlopen(os.environ[name], timeout=9).read().decode())"
        code = f"import os, urllib.request as u\nfor name in {names}: {asks}"
        env = [{"name": name, "value": value} for name, value in variables.items()]
        assert run_pod(bed, code, env=env).split() == [f"{found.name}:{mlflow}", f"{found.name}:{s3}"]
        assert not {"00000000", "0" * 32} & (listening(mlflow) | listening(s3))
        facts = json.loads(bed.inv("prodlocal.status", "--json").stdout)
        assert facts["gateway"] == found.address
    gateway.close(bed.target.project)


class Watch(threading.Thread):
    """Looks for a word in the arguments and the environment of every process, until it is stopped."""

    def __init__(self, word: str) -> None:
        super().__init__(daemon=True)
        self.word, self.found, self.programs, self.over = word.encode(), [], set[bytes](), False

    def run(self) -> None:
        while not self.over:
            for folder in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (folder / name).read_bytes()
                    except OSError:
                        continue
                    if name == "cmdline":
                        self.programs.add(text)
                    if self.word in text:
                        self.found.append(text)


def test_a_secret_reaches_pods_and_no_process_list(bed: Bed, tmp_path: Path) -> None:
    value = "sw0rdf1sh-" + hashlib.sha256(os.urandom(8)).hexdigest()
    (tmp_path / "values").write_text(f"TOKEN='{value}'\nOTHER=1\n")
    watch = Watch(value)
    watch.start()
    done = [
        bed.inv("secret.create", "keys", text=f"TOKEN={value}\nGONE=1\n"),
        bed.inv("secret.create", "keys", "--from-env-file", str(tmp_path / "values"), "--json"),
        bed.inv("secret.create", "keys", "--from-env-file", str(tmp_path / "values"), "--json"),
        bed.inv("secret.list", "--json"),
    ]
    watch.over = True
    watch.join()
    assert watch.found == []
    assert any(b"secret.create" in program for program in watch.programs)
    assert [run.returncode for run in done] == [0, 0, 0, 0], [run.stderr for run in done]
    assert not [run for run in done if value in run.stdout + run.stderr]
    assert [json.loads(run.stdout)["became"] for run in done[1:3]] == ["changed", "unchanged"]
    assert json.loads(done[3].stdout)["secrets"] == [{"secret": "keys", "keys": ["OTHER", "TOKEN"]}]
    digest = "hashlib.sha256(os.environ['TOKEN'].encode()).hexdigest()"
    code = f"import os, hashlib; print({digest}, os.environ.get('GONE'))"
    printed = run_pod(bed, code, envFrom=[{"secretRef": {"name": "keys"}}])
    assert printed.split() == [hashlib.sha256(value.encode()).hexdigest(), "None"]
    assert bed.inv("secret.delete", "keys", "--yes").returncode == 0
    assert bed.inv("secret.delete", "keys", "--yes").returncode == 3


def test_a_secret_of_somebody_else_stays_as_it_is(bed: Bed) -> None:
    admin, here = bed.target.connect(), bed.target.namespace
    foreign = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "foreign", "namespace": here},
        "data": {},
    }
    admin.apply(foreign)
    done = bed.inv("secret.create", "foreign", text="A=1\n")
    assert done.returncode == 1
    assert "was not created by gaiaflow" in done.stderr
    assert json.loads(bed.inv("secret.list", "--json").stdout)["secrets"] == []
    admin.delete("Secret", here, "foreign")


def test_pods_of_a_label_are_removed_and_others_stay(bed: Bed) -> None:
    admin, here = bed.target.connect(), bed.target.namespace
    for name, run in {"mine": "a", "other": "b"}.items():
        spec = {"containers": [{"name": "c", "image": "gaiaflow-test/none:1", "imagePullPolicy": "Never"}]}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"run_id": run}},
            "spec": spec,
        }
        bed.airflow.request("POST", f"/api/v1/namespaces/{here}/pods", body)
    assert admin.delete_pods(here, "run_id=a") == ["mine"]
    assert admin.delete_pods(here, "run_id=b") == ["other"]


def test_a_namespace_of_somebody_else_is_refused(bed: Bed) -> None:
    done = bed.inv("prodlocal.start", "--cluster-only", GAIAFLOW_NAMESPACE="default")
    assert done.returncode == 1
    assert "the namespace `default`" in done.stderr
    assert "is not this project's" in done.stderr


def test_a_context_of_the_users_own(bed: Bed, tmp_path: Path) -> None:
    admin = (bed.target.folder / "admin").read_text()
    own = tmp_path / "config"
    own.write_text(
        admin.replace(f"name: {PROFILE}", "name: desk")
        .replace(f"cluster: {PROFILE}", "cluster: desk")
        .replace(f"user: {PROFILE}", "user: desk")
    )
    variables = {"KUBECONFIG": str(own), "GAIAFLOW_PROFILE": "", "GAIAFLOW_NAMESPACE": "clustertest-context"}
    variables["GAIAFLOW_GATEWAY"] = "192.0.2.1"
    before = own.read_bytes()
    folder = shutil.copytree(bed.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".gaiaflow"))
    copy = Bed(folder, own, bed.python)
    started = copy.inv("prodlocal.start", "--context", "desk", "--cluster-only", **variables)
    assert started.returncode == 0, started.stderr
    facts = json.loads(copy.inv("prodlocal.status", "--json", **variables).stdout)
    assert (facts["cluster"], facts["state"], facts["ready"]) == ("desk", "your own context", True)
    assert "keeps running" in copy.inv("prodlocal.stop", **variables).stderr
    removed = copy.inv("prodlocal.cleanup", "--yes", **variables)
    assert "removed namespace/clustertest-context" in removed.stderr
    assert bed.target.connect().is_ready()
    assert own.read_bytes() == before
    own.write_text(own.read_text().replace("desk", "desk-prod"))
    refused = copy.inv("prodlocal.start", "--context", "desk-prod", **variables)
    assert refused.returncode == 1
    assert "looks like production: its name contains `prod`" in refused.stderr


def test_dry_starts_and_removes_nothing(bed: Bed) -> None:
    for task in ("start", "stop", "restart", "cleanup", "config", "dockerize", "remove-image"):
        done = bed.inv("--dry", f"prodlocal.{task}")
        assert done.returncode == 0, done.stderr
        assert "would" in done.stderr
    assert json.loads(bed.inv("prodlocal.status", "--json").stdout)["state"] == "running"


def test_cleanup_asks(bed: Bed) -> None:
    done = bed.inv("prodlocal.cleanup")
    assert f"the minikube profile {PROFILE}" in done.stderr
    assert done.returncode == 2
    assert "hint: add --yes" in done.stderr
    assert bed.target.minikube.state().running


def test_stop_and_start_again(own_profile: Bed) -> None:
    bed = own_profile
    before = versions(bed)
    gateway.open_ports(bed.target.project, "127.0.0.2", free_ports(1))
    stopped = bed.inv("prodlocal.stop")
    assert stopped.returncode == 0, stopped.stderr
    assert gateway.current(bed.target.project) is None
    assert json.loads(bed.inv("prodlocal.status", "--json").stdout)["state"] == "stopped"
    assert "nothing is running" in bed.inv("prodlocal.stop").stderr
    for words in (("config",), ("images",), ("dockerize", "--existing", "--image", IMAGE)):
        failed = bed.inv(f"prodlocal.{words[0]}", *words[1:])
        assert failed.returncode == 3
        assert f"the cluster `{PROFILE}` is stopped" in failed.stderr
        assert "hint: inv prodlocal.start" in failed.stderr
    assert bed.inv("secret.create", "s", text="A=1\n").returncode == 3
    started = bed.inv("prodlocal.start", "--cluster-only")
    assert started.returncode == 0, started.stderr
    assert versions(bed) == before
    assert run_pod(bed, "print(1)") == "1\n"


def networks() -> set[str]:
    command = ["docker", "network", "ls", "--format", "{{.Name}}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_cleanup_removes_this_profile_and_nothing_else(own_profile: Bed) -> None:
    bed = own_profile
    before = networks()
    done = bed.inv("prodlocal.cleanup", "--yes")
    assert done.returncode == 0, done.stderr
    assert before - networks() == {PROFILE}
    assert json.loads(bed.inv("prodlocal.status", "--json").stdout)["state"] == "absent"
    assert not bed.target.config.exists()
    assert bed.kubeconfig.read_text() == USERS_OWN
    assert bed.inv("prodlocal.config").returncode == 3
