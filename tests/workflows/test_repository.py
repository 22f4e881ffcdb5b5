"""This repository's own workflows: by GitHub's schema, pinned, with the least rights, published by OIDC."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    GITHUB / "dependabot.yml": "vendor.dependabot",
}


def read(name: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((GITHUB / "workflows" / name).read_text())
    return workflow


def actions(job: dict[str, Any]) -> list[str]:
    return [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.name)
def test_it_is_what_github_takes(file: Path) -> None:
    argv = ["-m", "check_jsonschema", "--builtin-schema", SCHEMAS[file], str(file)]
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_and_no_key_is_used(file: Path) -> None:
    text = file.read_text()
    pinned = re.findall(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)
    assert len(pinned) == text.count("uses:") > 0
    assert "secrets." not in text
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_rights_are_given_by_job_and_nothing_of_the_event_runs(file: Path) -> None:
    workflow = read(file.name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] in ({"contents": "read"}, {"id-token": "write"})
        assert job["timeout-minutes"]
        assert not [step for step in job["steps"] if "${{" in step.get("run", "")]


def test_what_publishes_builds_nothing_and_runs_nothing() -> None:
    workflow = read("release.yml")
    jobs = workflow["jobs"]
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` as true
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert jobs["build"]["steps"][-1]["with"]["path"] == "dist/"
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert actions(jobs["publish"]) == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert not [step for step in jobs["publish"]["steps"] if "run" in step]


def test_the_nightly_run_takes_what_ci_leaves_out() -> None:
    (job,) = read("nightly.yml")["jobs"].values()
    assert [step["env"]["GAIAFLOW_FULL_FAULTS"] for step in job["steps"] if "env" in step] == ["1"]
    sessions = job["strategy"]["matrix"]["session"]
    named = {name for session in sessions for name in session.partition(" --")[0].split()}
    assert named <= set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    marked = {
        file.relative_to(ROOT).parts[1]
        for file in (ROOT / "tests").glob("*/test_*.py")
        if re.search(r"pytest\.mark\.full\b", file.read_text()) and file != Path(__file__)
    }
    assert marked <= named


@pytest.mark.parametrize("file", sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.name)
def test_issue_forms_are_yaml_with_fields_of_their_own(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    if file.name == "config.yml":
        assert {link["name"] for link in form["contact_links"]}
        return
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) > 0
    assert all(form[key] for key in ("name", "description"))
