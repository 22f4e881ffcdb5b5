"""The workflows of a project that the template makes: by GitHub's schema, and by what a release must not do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gaiaflow.projects import scaffold

WORKFLOWS = ("ci", "release")


@pytest.fixture(scope="module", params=scaffold.ENVIRONMENTS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflows of a project with one of the managers of environments."""
    root = tmp_path_factory.mktemp("project")
    scaffold.render(root, {"name": "sea-ice", "package": "sea_ice", "environment": request.param})
    return root / ".github" / "workflows"


@pytest.fixture
def release(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "release.yml").read_text())
    return found


def steps(workflow: dict[str, Any], *jobs: str) -> list[dict[str, Any]]:
    """Those of some jobs; by default of all, in their order."""
    return [step for job in jobs or workflow["jobs"] for step in workflow["jobs"][job]["steps"]]


def scripts(workflow: dict[str, Any], *jobs: str) -> list[str]:
    return [step["run"] for step in steps(workflow, *jobs) if "run" in step]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_is_what_github_takes(folder: Path, name: str) -> None:
    argv = [
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        str(folder / f"{name}.yml"),
    ]
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_its_commit(folder: Path, name: str) -> None:
    text = (folder / f"{name}.yml").read_text()
    used = [step["uses"] for step in steps(yaml.safe_load(text)) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action) for action in used)
    assert len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)) == len(used)


def test_no_long_lived_key_is_used(folder: Path, release: dict[str, Any]) -> None:
    text = (folder / "release.yml").read_text()
    assert "secrets." not in text
    assert not re.search(r"aws-(access-key-id|secret-access-key)", text)
    assert release["permissions"] == {}
    job = release["jobs"]["release"]
    assert job["permissions"] == {"contents": "write", "packages": "write", "id-token": "write"}
    checkouts = [step for step in steps(release) if step.get("uses", "").startswith("actions/checkout@")]
    assert [checkout["with"] for checkout in checkouts] == [{"persist-credentials": False}] * 2


def test_what_the_project_installs_and_tests_has_no_right_but_to_read(release: dict[str, Any]) -> None:
    assert release["jobs"]["prove"]["permissions"] == {"contents": "read"}
    assert "environment" not in release["jobs"]["prove"]
    assert release["jobs"]["release"]["needs"] == "prove"
    privileged = "\n".join(scripts(release, "release"))
    assert not re.search(r"make |--group|--editable|pytest|matrix|dev\.dockerize|conda|pixi", privileged)
    assert '--only-binary :all: "gaiaflow==$version"' in privileged


def test_the_job_with_rights_takes_the_image_that_was_proven(release: dict[str, Any]) -> None:
    given = [s["with"] for s in steps(release, "prove") if s.get("uses", "").startswith("actions/upload-")]
    taken = [s["with"] for s in steps(release, "release") if s.get("uses", "").startswith("actions/download-")]
    assert [(g["name"], g["path"]) for g in given] == [(t["name"], t["path"]) for t in taken]
    assert "docker save" in "".join(scripts(release, "prove"))
    assert "docker load" in "".join(scripts(release, "release"))


def test_nothing_of_the_event_is_pasted_into_a_script(release: dict[str, Any]) -> None:
    assert not [script for script in scripts(release) if "${{" in script]


def test_the_scripts_are_bash_and_use_the_projects_environment(folder: Path, release: dict[str, Any]) -> None:
    bash = shutil.which("bash")
    assert bash
    for script in scripts(release):
        done = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for job in ("prove", "release"):
        lines = [line for script in scripts(release, job) for line in script.splitlines()]
        calls = [line for line in lines if "inv " in line]
        assert len(calls) == 3
        assert len({line.partition("inv ")[0].strip() for line in calls}) == 1


def test_what_is_checked_stands_between_push_and_synchronisation(release: dict[str, Any]) -> None:
    commands = re.findall(r"inv ([a-z]+\.[a-z]+)", "\n".join(scripts(release)))
    order = ["dev.dockerize", "prodlocal.start", "prodlocal.dockerize", "prod.push", "prod.check", "prod.sync"]
    assert commands == order
