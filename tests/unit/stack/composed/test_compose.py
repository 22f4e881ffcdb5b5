"""What Compose is told, and how the answers of the engine are read; no engine."""

from __future__ import annotations

import stat
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from gaiaflow.endpoints import EVERY, Endpoints
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.host.progress import silent
from gaiaflow.infra.host.shipped import shipped
from gaiaflow.infra.images import kind
from gaiaflow.operators import environment
from gaiaflow.project import Project
from gaiaflow.stack.composed import composition, containers, dependency, handover
from gaiaflow.stack.composed.compose import Compose
from gaiaflow.stack.composed.composition import Composition
from gaiaflow.stack.composed.containers import ONCE, PARTS, Container
from gaiaflow.stack.composed.image import NEEDED, names, needed
from gaiaflow.stack.services import health, keys
from gaiaflow.stack.services.backend import StartOptions, alone

PORTS = {"s3": 19000, "mlflow": 15000, "airflow": 18080, "jupyter": 18895, "s3-console": 19001}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("GAIAFLOW_S3_PROVIDER", "GAIAFLOW_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "a project"
    (root / "dags").mkdir(parents=True)
    root.chmod(0o755)
    (root / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    return Project.find(root)


def services(*files: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, part in yaml.safe_load((shipped("compose") / file).read_text())["services"].items():
            found[name] = {**found.get(name, {}), **part}
    return found


def test_the_two_backends_of_a_project_have_one_lock(project: Project) -> None:
    options, phase = StartOptions([], {}), lambda _: nullcontext(silent)
    with alone(project):
        for work in (lambda: Compose(project).stop(["s3"]), lambda: Compose(project).start(options, phase)):
            with pytest.raises(GaiaflowError, match="another `inv dev` command is changing this stack"):
                work()


ALL = ("compose.yml", "s3-seaweedfs.yml", "dev_docker.yml")


def test_every_part_of_every_service_is_in_the_files() -> None:
    assert {part for parts in PARTS.values() for part in parts} <= set(services(*ALL))
    assert set(PARTS) == set(EVERY) == set(NEEDED)


@pytest.mark.parametrize("file", [*ALL, "s3-minio.yml"])
def test_ports_are_published_on_loopback_only(file: str) -> None:
    ports = [port for part in services(file).values() for port in part.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", sorted(services(*ALL)))
def test_each_container_is_limited_unprivileged_and_labelled(name: str) -> None:
    part = services(*ALL)[name]
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert not part["user"].startswith(("0", "root"))
    assert part["mem_limit"]
    assert part["pids_limit"]
    assert part["logging"]["options"]["max-size"]
    assert part["labels"]["gaiaflow.project"]
    assert part["restart"] == ("no" if name in ONCE else "unless-stopped")


def test_health_is_asked_by_http_and_everything_lasting_has_it() -> None:
    for name, part in services(*ALL).items():
        if name not in ONCE:
            test = " ".join(part["healthcheck"]["test"])
            assert "health.py http://" in test or "pg_isready" in test
            assert "jobs check" not in test


def test_volumes_are_declared_as_volumes_and_carry_the_label() -> None:
    declared: dict[str, Any] = {}
    for file in ("compose.yml", "s3-seaweedfs.yml"):
        declared |= yaml.safe_load((shipped("compose") / file).read_text())["volumes"]
    assert set(declared) == {"postgres", "airflow-logs", "environment", "jupyter", "s3"}
    assert all(volume["labels"]["gaiaflow.project"] for volume in declared.values())


def test_only_what_runs_functions_may_write_into_the_project() -> None:
    project = "${GAIAFLOW_PROJECT}:${GAIAFLOW_PROJECT}"
    mounts = {
        name: [str(volume).replace(":?", "") for volume in part.get("volumes", [])]
        for name, part in services(*ALL).items()
    }
    assert {name for name, volumes in mounts.items() if project in volumes} == {"airflow-scheduler", "jupyter"}
    read_only = {name for name, volumes in mounts.items() if f"{project}:ro" in volumes}
    assert {"airflow-api-server", "airflow-dag-processor", "airflow-triggerer"} <= read_only
    own = {name: {v.removesuffix(":ro") for v in volumes} for name, volumes in mounts.items()}
    assert own["airflow-scheduler"] == own["airflow-triggerer"]


def test_the_socket_reaches_the_proxy_alone() -> None:
    holders = [
        n for n, p in services(*ALL).items() if any("docker.sock" in str(v) for v in p.get("volumes", []))
    ]
    assert holders == ["docker-proxy"]
    assert "docker-proxy" not in services("compose.yml", "s3-seaweedfs.yml")


def test_files_with_keys_are_private_and_read_back_the_same(project: Project) -> None:
    made = Composition(project, PORTS)
    made.write()
    for file in made.home.rglob("*.env"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = dotenv_values(made.home / "airflow.env", interpolate=False)
    assert told["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    assert told["GAIAFLOW_PYTHON"] == "/opt/env/current/bin/python"
    assert str(project.dags) in str(told["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert "sqlite" not in str(told)


def test_variables_hold_no_secret_and_follow_the_ports(project: Project) -> None:
    made = Composition(project, PORTS)
    made.write()
    told = made.variables()
    secrets = {
        v for f in made.home.glob("*.env") for k, v in dotenv_values(f).items() if "SECRET" in k or "PASS" in k
    }
    assert secrets
    assert not secrets & set(told.values())
    assert told["GAIAFLOW_S3_PORT"] == "19000"


def test_shell_does_not_steer_compose(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_AIRFLOW_PORT", "1")
    monkeypatch.setenv("COMPOSE_FILE", "/elsewhere.yml")
    made = Composition(project, PORTS)
    assert made.variables()["GAIAFLOW_AIRFLOW_PORT"] == "18080"
    assert "--file" in made.command("ps")


def test_fingerprint_follows_what_compose_is_told(project: Project) -> None:
    made = Composition(project, PORTS)
    made.write()
    first = made.fingerprint()
    made.write()
    assert made.fingerprint() == first
    assert Composition(project, {**PORTS, "s3": 19002}).fingerprint() != first
    assert Composition(project, PORTS, ("dev_docker",)).fingerprint() != first


def test_clones_of_one_name_do_not_share_anything(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "clone"
    (other / "dags").mkdir(parents=True)
    (other / "pyproject.toml").write_text('[project]\nname = "demo"\n[tool.gaiaflow]\n')
    clone = Project.find(other)
    assert clone.name == project.name
    assert not set(names(project).values()) & set(names(clone).values())
    own, theirs = Composition(project, PORTS).command("ps"), Composition(clone, PORTS).command("ps")
    assert own[own.index("--project-name") + 1] != theirs[theirs.index("--project-name") + 1]


def test_unknown_provider_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_S3_PROVIDER", "seaweed")
    with pytest.raises(UsageError, match="seaweedfs"):
        _ = Composition(project, PORTS).files


def test_external_store_needs_an_address(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_S3_PROVIDER", "external")
    made = Composition(project, PORTS)
    assert [file.name for file in made.files] == ["compose.yml"]
    with pytest.raises(UsageError, match="`GAIAFLOW_S3_ENDPOINT` is not set"):
        made.task_environment()
    monkeypatch.setenv("GAIAFLOW_S3_ENDPOINT", "https://s3.example")
    assert made.task_environment()["AWS_ENDPOINT_URL_S3"] == "https://s3.example"


def test_the_bucket_has_a_name_of_the_users(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Composition(project, PORTS).variables()["GAIAFLOW_S3_BUCKET"] == "mlflow"
    monkeypatch.setenv("GAIAFLOW_S3_BUCKET", "team-mlflow")
    made = Composition(project, PORTS)
    made.write()
    assert made.variables()["GAIAFLOW_S3_BUCKET"] == "team-mlflow"
    assert dotenv_values(made.home / "mlflow.env")["GAIAFLOW_BUCKET"] == "team-mlflow"
    assert "--artifacts-destination=s3://${GAIAFLOW_S3_BUCKET:-mlflow}" in services(*ALL)["mlflow"]["command"]


def test_no_container_that_runs_tasks_has_the_password_of_the_database(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's own settings hold it too, and stay hidden from functions."""
    made = Composition(project, PORTS)
    made.write()
    assert services(*ALL)["databases"]["env_file"][-1].endswith("/postgres.env")
    for name in ("airflow-scheduler", "airflow-triggerer", "jupyter"):
        for file in services(*ALL)[name].get("env_file", []):
            values = dotenv_values(made.home / Path(file).name, interpolate=False)
            for variable, value in values.items():
                monkeypatch.setenv(variable, str(value))
    password = keys.load(project).postgres_password
    assert password not in str(environment.local_environment([]))


def test_unknown_extra_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "of", lambda _: [])
    with pytest.raises(UsageError, match="dev_dokcer"):
        Compose(project)._extras(StartOptions([], extras=("dev_dokcer",)), False)


def test_root_is_replaced_by_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover.os, "getuid", lambda: 0)
    assert handover.owner() == (10001, 0)
    monkeypatch.setattr(handover.os, "getuid", lambda: 1000)
    monkeypatch.setattr(handover.os, "getgid", lambda: 1001)
    assert handover.owner() == (1000, 1001)


def test_folder_closed_to_the_containers_user_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.root.chmod(0o700)
    monkeypatch.setattr(composition, "is_other", lambda: True)
    with pytest.raises(UsageError, match="is not readable for other users"):
        Composition(project, PORTS)._check_readable()


def test_every_value_has_one_line_that_compose_reads_as_it_was(tmp_path: Path) -> None:
    values = {"A": "$HOME #ü", "B": "it's $1", "C": "a\nb", "D": "back\\", "E": """it's "so" \\$"""}
    lines = handover.write_env_file(tmp_path / "x.env", values).read_text().splitlines()
    assert lines == [
        "A='$HOME #ü'",
        r'''B="it's \$1"''',
        r'''C="a\nb"''',
        r'''D="back\\"''',
        r'''E="it's \"so\" \\\$"''',
    ]


def test_images_are_built_only_for_what_is_started() -> None:
    assert needed(["s3"]) == ["services"]
    assert needed(["s3", "mlflow"]) == ["services", "airflow"]
    assert needed(["jupyter"]) == ["environment"]


def container(part: str, state: str = "running", code: int = 0, health: str = "healthy") -> Container:
    return Container(part, f"x-{part}-1", state, health, code, 0)


@pytest.mark.parametrize(
    ("found", "answers", "state"),
    [
        ([], False, "stopped"),
        ([container("postgres")], False, "stopped"),
        ([container("postgres"), container("databases", "exited"), container("mlflow")], True, "running"),
        ([container("postgres"), container("mlflow", health="starting")], False, "starting"),
        ([container("postgres"), container("mlflow", "restarting")], False, "failed"),
        ([container("postgres"), container("databases", "exited", 1)], False, "failed"),
        ([container("postgres", "exited", 137), container("mlflow", "exited", 143)], False, "stopped"),
        ([container("postgres"), container("mlflow", "exited", 1)], False, "failed"),
    ],
)
def test_state_of_a_service(
    found: list[Container], answers: bool, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "answers", lambda *_: answers)
    row = containers.status("mlflow", {c.part: c for c in found}, Endpoints(PORTS))
    assert row.state == state


def test_without_an_engine_everything_is_stopped(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project.root}/none.sock")
    rows = Compose(project).status()
    assert {row.state for row in rows} == {"stopped"}
    assert "no Docker engine answers" in rows[0].detail


def test_environment_is_made_again_when_requirements_change(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Composition(project, PORTS)
    first = dependency._stamp(made)
    (project.source / "requirements.lock").write_text("numpy==2.0\n")
    assert dependency._stamp(made) != first


def test_tokens_of_private_channels_are_there_while_the_environment_is_made_and_no_longer(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.json").write_text('{"example.org": {"BearerToken": "t0ken"}}')
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(tmp_path / "mine.json"))
    made, seen = Composition(project, PORTS), []

    def run(composition: Composition, *_: str) -> str:
        seen.append([file.name for file in (composition.home / "requirements").iterdir()])
        raise GaiaflowError("no such package")

    monkeypatch.setattr(dependency, "_volume_made", lambda _: "now")
    monkeypatch.setattr(dependency, "_run", run)
    with pytest.raises(GaiaflowError, match="no such package"):
        dependency.ensure(made)
    assert "auth.json" in seen[0]
    assert "t0ken" not in "".join(file.read_text() for file in made.home.rglob("*") if file.is_file())


def test_the_environment_is_told_with_its_source_and_its_packages(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.source / "requirements.lock").write_text("numpy==2.0\n")
    made = Composition(project, PORTS)
    monkeypatch.setattr(dependency, "_volume_made", lambda _: "now")
    monkeypatch.setattr(dependency, "_run", lambda *_: "numpy==2.0\nsix==1.17.0\n")
    assert dependency.title(made) == "environment project: requirements.lock"
    assert dependency.ensure(made)
    assert dependency.title(made) == "environment project: requirements.lock, 2 packages"
    (project.source / "requirements.lock").write_text("numpy==2.1\n")
    assert dependency.title(made) == "environment project: requirements.lock"


@pytest.mark.parametrize("address", ["ssh://ann@host", "tcp://host:2376", "unix:///run/podman/podman.sock"])
def test_an_engine_that_cannot_have_the_stack_is_refused_before_anything_starts(
    project: Project, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(UsageError) as caught:
        Compose(project).start(StartOptions(["s3"]), lambda _: nullcontext(silent))
    assert caught.value.message.startswith("the stack cannot run in containers of ")
    assert caught.value.hint == "inv dev.start --backend embedded"
    assert not (project.home / "keys.json").exists()


@pytest.mark.parametrize(
    ("engine", "user", "mount", "group"),
    [
        (kind.DOCKER, ("1000", "1001"), "own", "own"),
        (kind.ROOTLESS, ("0", "0"), "own", "0"),
        (kind.DESKTOP_ON_LINUX, ("0", "0"), "/var/run/docker.sock", "0"),
        (kind.DESKTOP, ("1000", "1001"), "/var/run/docker.sock", "0"),
        (kind.VIRTUAL, ("1000", "1001"), "/var/run/docker.sock", "0"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_whose_files_and_which_socket_follow_the_engine(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    engine: kind.Kind,
    user: tuple[str, str],
    mount: str,
    group: str,
) -> None:
    own = project.root / "docker.sock"
    own.touch()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{own}")
    monkeypatch.setattr(kind, "find", lambda: engine)
    monkeypatch.setattr(handover.os, "getuid", lambda: 1000)
    monkeypatch.setattr(handover.os, "getgid", lambda: 1001)
    told = Composition(project, PORTS).variables()
    assert (told["GAIAFLOW_UID"], told["GAIAFLOW_GID"]) == user
    assert told["GAIAFLOW_DOCKER_SOCKET"] == (str(own) if mount == "own" else mount)
    assert told["GAIAFLOW_SOCKET_GID"] == (str(own.stat().st_gid) if group == "own" else group)


def test_files_change_hands_only_where_the_containers_are_somebody_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(handover.os, "chown", lambda _, uid, gid, **__: changed.append((uid, gid)))
    for engine, host, hands in (
        (kind.DOCKER, 1000, []),
        (kind.ROOTLESS, 1000, []),
        (kind.DOCKER, 0, [(10001, 0)]),
    ):
        monkeypatch.setattr(kind, "find", lambda engine=engine: engine)
        monkeypatch.setattr(handover.os, "getuid", lambda host=host: host)
        handover.hand_over(project.root / "pyproject.toml")
        assert (changed, handover.is_other()) == (hands, bool(hands))
