"""The checks before production, each on facts as a child process tells them; the receipt of the matrix."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gaiaflow.errors import MissingError, UsageError
from gaiaflow.inspection.local_address import local_addresses, local_values
from gaiaflow.production import check as prodcheck, manifests as prodmanifests, receipt
from gaiaflow.production.check import NOT_PUSHED, Aim, Facts
from gaiaflow.production.receipt import Receipt
from gaiaflow.production.verdict import FAILED, MISSING, OK, Check
from gaiaflow.project import Project
from gaiaflow.runner import CALL
from gaiaflow.testing import passed
from gaiaflow.testing.cell import Cell

DIGEST = "sha256:" + "a" * 64
PINNED = f"reg.example.org/team/app@{DIGEST}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "one.py").write_text("one = 1\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\n[tool.gaiaflow.prod]\nregistry = "reg.example.org/team"\n'
        'providers = {cncf-kubernetes = "10.12.0"}\nairflow_version = "3.1.7"\n'
    )
    return Project.find(tmp_path)


def task(**more: Any) -> dict[str, Any]:
    plain = {"task": "t", "mode": "prod", "provider": "cncf-kubernetes", "images": [PINNED]}
    return {**plain, "secrets": [], "local": [], "fits": None, **more}


def facts(*tasks: dict[str, Any], errors: dict[str, str] | None = None, unstorable: str = "") -> Facts:
    dag = {"dag": "d", "file": "one.py", "unstorable": unstorable, "tasks": list(tasks)}
    return Facts([dag], errors or {})


class TestLocalAddresses:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("http://127.0.0.1:5000/x", ["127.0.0.1:5000"]),
            ("postgresql://u:p@localhost/db", ["localhost"]),
            ("http://host.minikube.internal:9000", ["host.minikube.internal:9000"]),
            ("http://[::1]:80", ["[::1]:80"]),
            ("http://mlflow:5000", ["mlflow:5000"]),
            ("minio:9000", ["minio:9000"]),
            ("http://s3/bucket", ["s3"]),
            ("0.0.0.0:80", ["0.0.0.0:80"]),
            ("minioadmin", ["minioadmin"]),
            # Not of this machine:
            ("s3://mlflow/data and s3a://minio", []),
            ("https://mlflow.example.org:5000", []),
            ("https://localhost.example.org", []),
            ("0.0.0.0/0", []),
            ("mlflow", []),
            ("my-mlflow:5000", []),
            ("1127.0.0.1", []),
        ],
    )
    def test_what_is_one_is_found_and_what_is_none_is_not(self, text: str, found: list[str]) -> None:
        assert local_addresses(text) == found

    def test_an_allowed_one_is_none(self) -> None:
        text = "http://mlflow:5000 http://localhost:1"
        assert local_addresses(text, ["mlflow"]) == ["localhost:1"]
        assert local_addresses(text, ["mlflow:5001", "localhost:1"]) == ["mlflow:5000"]

    def test_where_it_stands_is_told(self) -> None:
        call = '{"kwargs": {"a": [{"b": "http://localhost:1"}]}}'
        env = [{"name": "U", "value": "localhost:2"}, {"name": CALL, "value": call}]
        pod = {"spec": {"containers": [{"env": env}], "hostname": "localhost"}}
        assert sorted(local_values(pod)) == [
            ("env U", "localhost:2"),
            ("kwargs.a.b", "localhost:1"),
            ("spec.hostname", "localhost"),
        ]


class TestChecks:
    def test_a_file_that_does_not_import_and_a_dag_that_cannot_be_stored_fail(self) -> None:
        found = prodcheck.check_dags(
            facts(errors={"x.py": "Traceback\nKeyError: 'x'"}, unstorable="TypeError: y")
        )
        assert found.state == FAILED
        assert found.why == "`x.py` does not import: KeyError: 'x'; DAG `d` cannot be serialised: TypeError: y"
        assert prodcheck.check_dags(facts()).state == OK
        assert prodcheck.check_dags(Facts([], {})).state == FAILED

    def test_a_mode_in_the_file_fails_and_prod_or_airflows_own_do_not(self) -> None:
        assert prodcheck.check_modes(facts(task(), task(mode=None))).state == OK
        found = prodcheck.check_modes(facts(task(mode="dev")))
        assert (found.state, found.why) == (FAILED, "`t` of DAG `d` is set to mode dev")

    def test_an_image_must_mean_one_image(self) -> None:
        assert prodcheck.check_images(facts(task(), task(images=["r.org/a:content-0123456789ab"]))).state == OK
        assert prodcheck.check_images(facts(task(images=["r.org/a:1.0"]))).state == FAILED
        assert prodcheck.check_images(facts(task(images=[NOT_PUSHED]))).state == MISSING
        assert prodcheck.check_registry(facts(task(images=[NOT_PUSHED])), {}).state == MISSING

    def test_a_registry_that_is_away_is_missing(self) -> None:
        image = "127.0.0.1:9/app:content-0123456789ab"
        assert prodcheck.check_registry(facts(task(images=[image])), {}).state == MISSING

    def test_secrets_need_a_context_only_where_they_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
        aim = Aim(PINNED, "ns")
        assert prodcheck.check_secrets(facts(task()), aim).state == OK
        assert prodcheck.check_secrets(facts(task(secrets=["s"])), aim).state == MISSING
        found = prodcheck.check_secrets(facts(task(secrets=["s"])), Aim(PINNED, "ns", "there"))
        assert (found.state, "kubectl --context there --namespace ns" in found.hint) == (MISSING, True)

    def test_a_local_address_fails_and_is_named(self) -> None:
        found = prodcheck.check_addresses(facts(task(local=[["env U", "localhost:1"]])))
        assert (found.state, found.why) == (FAILED, "`t` of DAG `d` gets `localhost:1` in env U")

    @pytest.mark.parametrize(
        ("airflow", "providers", "state"),
        [
            ("3.1.0", {"cncf-kubernetes": "10.11.0"}, OK),
            ("3.3.2", {"cncf-kubernetes": "11"}, OK),
            ("3.0.6", {"cncf-kubernetes": "10.11.0"}, FAILED),
            ("3.4.0", {"cncf-kubernetes": "10.11.0"}, FAILED),
            ("2.11.0", {"cncf-kubernetes": "10.11.0"}, FAILED),
            ("3.1.0", {"cncf-kubernetes": "10.9.1"}, FAILED),
            ("3.1.0", {"docker": "4.0"}, FAILED),
            ("", {"cncf-kubernetes": "10.11.0"}, MISSING),
            ("3.1.0", {}, MISSING),
        ],
    )
    def test_versions_must_be_known_and_fit(self, airflow: str, providers: dict[str, str], state: str) -> None:
        aim = Aim(PINNED, "ns", airflow_version=airflow, providers=providers)
        assert prodcheck.check_versions(facts(task()), aim).state == state

    def test_options_come_before_settings(self, project: Project) -> None:
        aim = Aim.of(project, airflow_version="3.3.1", providers={"docker": "4.1"})
        assert (aim.image, aim.namespace, aim.airflow_version) == (NOT_PUSHED, "gaiaflow-app", "3.3.1")
        assert aim.providers == {"cncf-kubernetes": "10.12.0", "docker": "4.1"}

    def test_the_exit_code_is_of_the_worst(self) -> None:
        ok, missing, failed = (Check("c", state, "") for state in (OK, MISSING, FAILED))
        assert prodcheck.exit_code([ok]) == 0
        assert prodcheck.exit_code([ok, missing]) == MissingError.exit_code
        assert prodcheck.exit_code([missing, failed, ok]) == 1


class TestReceipt:
    def test_it_is_kept_for_this_user_only(self, project: Project) -> None:
        assert receipt.read(project) is None
        receipt.write(project, receipt.take(project, {"app": DIGEST}))
        file = project.home / "prod" / "receipt.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        kept = receipt.read(project)
        assert kept is not None
        assert (kept.images, kept.dags) == ({"app": DIGEST}, receipt.take(project, {}).dags)

    def test_the_same_again_differs_in_nothing(self) -> None:
        passed = Receipt("c" * 40, "d", {"app": DIGEST})
        assert list(receipt.differences(passed, passed, {PINNED: {DIGEST, "sha256:other"}})) == []

    @pytest.mark.parametrize(
        ("now", "known", "said"),
        [
            (Receipt("e" * 40, "d", {}), {}, f"the commit is {'e' * 12}; the matrix passed at {'c' * 12}"),
            (Receipt("c" * 40 + "-dirty", "d", {}), {}, f"files were edited since commit {'c' * 12}-dirty"),
            (Receipt("c" * 40, "x" * 20, {}), {}, f"the DAG files are {'x' * 12}; the matrix passed with d"),
            (
                Receipt("c" * 40, "d", {}),
                {"app": {"sha256:" + "b" * 64}},
                f"the image app is {'b' * 12}; the matrix passed with {'a' * 12}",
            ),
        ],
    )
    def test_each_difference_is_told(self, now: Receipt, known: dict[str, set[str]], said: str) -> None:
        passed = Receipt("c" * 40, "d", {"app": DIGEST})
        assert list(receipt.differences(passed, now, known)) == [said]

    def test_a_pass_on_uncommitted_files_does_not_count(self) -> None:
        passed = Receipt("c" * 40 + "-dirty", "d", {})
        assert (
            next(receipt.differences(passed, passed, {})) == "the matrix passed on files that were in no commit"
        )

    def test_check_refuses_until_it_is_forced(self, project: Project) -> None:
        assert prodcheck.check_receipt(project, {}, force=False).state == MISSING
        receipt.write(project, receipt.take(project, {"app": DIGEST}))
        assert prodcheck.check_receipt(project, {PINNED: {DIGEST}}, force=False).state == OK
        (project.dags / "one.py").write_text("one = 2\n")
        refused = prodcheck.check_receipt(project, {PINNED: {DIGEST}}, force=False)
        assert (refused.state, "the DAG files are" in refused.why) == (FAILED, True)
        forced = prodcheck.check_receipt(project, {PINNED: {DIGEST}}, force=True)
        assert (forced.state, forced.why.startswith("forced, although the DAG files")) == (OK, True)

    @pytest.mark.parametrize(
        ("outcomes", "edited", "recorded"),
        [
            ([("prod_local", "passed"), ("dev", "failed")], False, True),
            ([("prod_local", "passed"), ("prod_local", "failed")], False, False),
            ([("prod_local", "skipped")], False, False),
            ([("dev", "passed")], False, False),
            ([("prod_local", "passed"), ("all", "failed")], False, False),
            ([("prod_local", "passed")], True, False),
        ],
    )
    def test_it_is_written_when_all_passed_in_prod_local(
        self,
        project: Project,
        monkeypatch: pytest.MonkeyPatch,
        outcomes: list[tuple[str, str]],
        edited: bool,
        recorded: bool,
    ) -> None:
        monkeypatch.setattr(passed, "before", lambda project: receipt.take(project, {"app": DIGEST}))
        begun = passed.before(project)
        if edited:
            (project.dags / "one.py").write_text("edited\n")
        cells = [Cell(project.name, "d", mode, outcome) for mode, outcome in outcomes]
        assert passed.record(project, cells, begun) is recorded
        assert (receipt.read(project) is not None) is recorded


class TestManifests:
    def test_they_are_those_of_the_cluster_in_productions_namespace(self, project: Project) -> None:
        things = prodmanifests.manifests(project, "team-a")
        assert [thing["kind"] for thing in things][:3] == ["Namespace", "ServiceAccount", "Role"]
        assert {t["metadata"].get("namespace", t["metadata"]["name"]) for t in things} == {"team-a"}
        assert local_addresses(prodmanifests.as_yaml(things)) == []
        assert list(yaml.safe_load_all(prodmanifests.as_yaml(things))) == things

    def test_the_account_of_productions_airflow_gets_the_role(self, project: Project) -> None:
        binding = prodmanifests.manifests(project, account="airflow/worker")[3]
        assert binding["subjects"][1] == {"kind": "ServiceAccount", "name": "worker", "namespace": "airflow"}
        with pytest.raises(UsageError, match="is not a service account"):
            prodmanifests.manifests(project, account="worker")

    def test_files_are_in_the_order_of_creation(self, project: Project, tmp_path: Path) -> None:
        things = prodmanifests.manifests(project)
        files = prodmanifests.write(things, tmp_path / "out")
        assert [file.name for file in files] == sorted(file.name for file in (tmp_path / "out").iterdir())
        assert [yaml.safe_load(file.read_text()) for file in files] == things


def test_a_commit_is_told_from_an_edited_tree(project: Project) -> None:
    def git(*argv: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *argv], cwd=project.root, check=True, capture_output=True)

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "x")
    assert not receipt.take(project, {}).commit.endswith("-dirty")
    (project.dags / "one.py").write_text("one = 3\n")
    assert receipt.take(project, {}).commit.endswith("-dirty")
