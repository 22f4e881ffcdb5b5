"""The kit without Airflow: what counts as a difference, what a pod is checked for, and the reports."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from kubernetes.client import models as k8s

from gaiaflow.result import Part, combine, last_line, same, worst
from gaiaflow.testing import Cell, RunResult, TaskResult, report
from gaiaflow.testing.compare import comparable, differences
from gaiaflow.testing.schema import problems


def run_of(state: str = "success", edges: dict[str, list[str]] | None = None, **tasks: TaskResult) -> RunResult:
    return RunResult("sample", state, tasks, edges or {name: [] for name in tasks})


def ok(value: Any) -> TaskResult:
    return TaskResult("success", value, 0.1)


def failed(error: str) -> TaskResult:
    return TaskResult("failed", None, 0.1, error)


class TestDifferences:
    def test_equal_runs_have_none_whatever_their_times(self) -> None:
        first = run_of(a=TaskResult("success", {"x": [1]}, 1.0))
        assert differences(first, run_of(a=TaskResult("success", {"x": [1]}, 9.0))) == []

    @pytest.mark.parametrize(
        ("one", "other"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, "None"), ([1], [1, 1])]
    )
    def test_a_value_of_another_kind_is_one(self, one: Any, other: Any) -> None:
        (line,) = differences(run_of(a=ok(one)), run_of(a=ok(other)))
        assert line.startswith("value of `a`: ")
        assert not same(one, other)

    def test_state_error_and_edges(self) -> None:
        first = run_of("failed", {"a": ["b"], "b": []}, a=failed("pk:f raised ValueError: x"), b=ok(1))
        other = run_of(
            "failed", {"a": [], "b": []}, a=failed("pk:f raised KeyError: x"), b=TaskResult("skipped", 1, 0)
        )
        lines = differences(first, other)
        assert [line.partition(":")[0] for line in lines] == [
            "downstream of `a`",
            "error of `a`",
            "state of `b`",
        ]

    def test_a_task_that_only_one_mode_has(self) -> None:
        assert any("no such task" in line for line in differences(run_of(a=ok(1)), run_of(a=ok(1), b=ok(2))))

    def test_what_mlflow_makes_up_is_none(self) -> None:
        one = {"run_id": "0" * 32, "model": "models:/co2/3", "path": f"runs:/{'1' * 32}/a.csv", "rmse": 0.5}
        other = {"run_id": "a" * 32, "model": "models:/co2/4", "path": f"runs:/{'b' * 32}/a.csv", "rmse": 0.5}
        assert differences(run_of(a=ok(one)), run_of(a=ok(other))) == []
        assert comparable("models:/co2/3") != comparable("models:/c02/3")
        assert differences(run_of(a=ok(one)), run_of(a=ok({**other, "rmse": 0.6})))

    def test_a_call_that_is_too_large_is_refused_in_every_mode(self) -> None:
        refused = failed("the arguments of task `a` have 1025 KiB: a task takes at most 1024 KiB")
        assert differences(run_of("failed", a=refused), run_of("failed", a=refused)) == []
        assert differences(run_of(a=ok(1)), run_of("failed", a=refused)) != []


class TestResults:
    def test_a_mapped_task_is_in_the_order_of_its_map_and_as_bad_as_its_worst_part(self) -> None:
        parts = [
            Part(1, "failed", None, 1.0, "E: x"),
            Part(0, "success", "a", 0.5),
            Part(2, "success", "c", 0.5),
        ]
        assert combine(parts, mapped=True) == TaskResult("failed", ["a", None, "c"], 2.0, "E: x")

    def test_a_mapped_task_of_one_part_is_a_list_and_of_none_is_empty(self) -> None:
        assert combine([Part(0, "success", "a", 0.5)], mapped=True).value == ["a"]
        assert combine([Part(-1, "skipped", None, 0.0)], mapped=True).value == []

    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            (["success", "failed", "running"], "failed"),
            (["success", "upstream_failed"], "upstream_failed"),
            (["success", "up_for_retry"], "up_for_retry"),
            (["skipped", "success"], "success"),
            (["skipped", "skipped"], "skipped"),
        ],
    )
    def test_worst(self, states: list[str], expected: str) -> None:
        assert worst(states) == expected

    def test_the_last_line_of_a_traceback_is_the_error_not_the_hint(self) -> None:
        assert last_line("Traceback ...\n  File\nGaiaflowError: no task `x`\nhint: name another\n") == (
            "GaiaflowError: no task `x`"
        )


def pod(**changes: Any) -> k8s.V1Pod:
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "base",
        "image": "sample:1",
        "env": [k8s.V1EnvVar(name="A", value="1")],
        "security_context": context,
        **changes.pop("container", {}),
    }
    spec = {
        "containers": [k8s.V1Container(**container)],
        "security_context": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "automount_service_account_token": False,
        **changes.pop("spec", {}),
    }
    metadata = {"name": "sample-pod", "labels": {"dag_id": "sample"}, **changes}
    return k8s.V1Pod(
        api_version="v1", kind="Pod", metadata=k8s.V1ObjectMeta(**metadata), spec=k8s.V1PodSpec(**spec)
    )


class TestSchema:
    def test_a_good_pod_has_no_problem(self) -> None:
        assert problems(pod()) == []

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"name": "Upper_Case"}, "metadata.name"),
            ({"labels": {"dag_id": "a" * 64}}, "the label 'dag_id'"),
            ({"labels": {"dag_id": "not ok"}}, "the label 'dag_id'"),
            ({"spec": {"restart_policy": {"a": 1}}}, "restartPolicy"),
            ({"spec": {"termination_grace_period_seconds": "5"}}, "terminationGracePeriodSeconds"),
            ({"spec": {"automount_service_account_token": None}}, "service account"),
            ({"spec": {"security_context": {"runAsNonRoot": True}}}, "seccomp"),
            (
                {"spec": {"security_context": {"seccompProfile": {"type": "RuntimeDefault"}}}},
                "(Running as Non-root)",
            ),
            ({"container": {"image": None}}, "the image None"),
            ({"container": {"security_context": None}}, "(Privilege Escalation)"),
            ({"container": {"resources": {"limit": {"cpu": "1"}}}}, "resources.limit"),
            ({"container": {"env": [k8s.V1EnvVar(name="A B", value="1")]}}, "the variable 'A B'"),
            ({"container": {"env": [k8s.V1EnvVar(name="A", value=1)]}}, "env[0].value"),
            ({"container": {"env": [k8s.V1EnvVar(name="A", value="http://127.0.0.1:5000")]}}, "local address"),
            ({"container": {"env": [k8s.V1EnvVar(name="A", value="minio123")]}}, "known key"),
        ],
    )
    def test_what_kubernetes_or_production_refuses_is_named(self, changes: dict[str, Any], said: str) -> None:
        assert said in "\n".join(problems(pod(**changes)))

    def test_what_is_not_a_pod_at_all(self) -> None:
        assert problems(pod(spec={"containers": {"name": "base"}}))


class TestReports:
    CELLS = (
        Cell("demo", "flow", "dev", "passed", "ran", [], 1.5, run_of(a=ok("<b>&"))),
        Cell("demo", "flow", "prod", "failed", "rendered", ["value of `a`: <1> there, 2 here", "more"], 0.5),
        Cell("demo", "flow", "prod_local", "skipped", "", ["a cluster: inv prodlocal.start"]),
    )

    def test_json_has_everything(self, tmp_path: Path) -> None:
        report.write_json(self.CELLS, tmp_path / "r.json")
        read = json.loads((tmp_path / "r.json").read_text())
        assert read["summary"] == "1 passed, 1 failed, 1 skipped"
        assert read["cells"][0]["run"]["tasks"]["a"]["value"] == "<b>&"

    def test_junit_counts_and_explains(self, tmp_path: Path) -> None:
        report.write_junit(self.CELLS, tmp_path / "r.xml")
        suite = ET.parse(tmp_path / "r.xml").getroot()
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
        assert [case.get("name") for case in suite] == ["flow[dev]", "flow[prod]", "flow[prod_local]"]
        assert suite[1][0].text == "value of `a`: <1> there, 2 here\nmore"
        assert "inv prodlocal.start" in str(suite[2][0].get("message"))

    def test_html_is_one_page_that_needs_nothing_else(self, tmp_path: Path) -> None:
        report.write_html(self.CELLS, tmp_path / "r.html")
        page = (tmp_path / "r.html").read_text()
        assert "&lt;1&gt; there" in page
        assert "<b>&" not in page
        assert not any(mark in page for mark in ("http://", "https://", "src=", "<link", "<script"))

    def test_the_table_names_what_failed_and_what_is_missing(self, capsys: pytest.CaptureFixture[str]) -> None:
        report.print_table(self.CELLS)
        shown = capsys.readouterr().out
        assert "failed flow in prod: value of `a`" in shown
        assert "skipped prod_local: needs a cluster" in shown
        assert shown.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"
