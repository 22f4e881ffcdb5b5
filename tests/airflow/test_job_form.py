"""The Job of a task in every version of Kubernetes, and what cannot be combined with it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gaiaflow import podversion
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.operators.job import body
from gaiaflow.tasks import create_task
from gaiaflow.testing.podstandard import violations
from gaiaflow.testing.render import pod_of

MODES = ("dev", "dev_docker", "prod_local", "prod")


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIAFLOW_NAMESPACE", "mine")


def made(mode: str = "prod", **given: Any) -> Any:
    options = {"fan_out": "job", **given.pop("kubernetes", {})}
    more = {"map_over": {"x": [1, 2, 3]}, **given}
    task = create_task("t", "pk.f:f", image="p/p:1", mode=mode, kubernetes=options, **more)
    task.func_args, task.func_kwargs, task.map_over = [], {}, dict(task.map_over.value)
    return task


def sent(indexes: tuple[int, ...] = (0, 1, 2), **given: Any) -> dict[str, Any]:
    from gaiaflow.testing.render import PastRun

    class Dag:
        dag_id = "flow"

    task = made(**given)
    task.hook._is_in_cluster = True
    ti = PastRun(Dag(), task, {})  # type: ignore[arg-type]
    context = {"ti": ti, "run_id": "run", "dag": Dag(), "params": {}}
    job: dict[str, Any] = task.request_job(task.request(context), task.encode_calls(context), indexes)
    return job


def test_every_kubernetes_knows_the_job_and_its_secret() -> None:
    form = pytest.importorskip("tests.pod_form", reason="kubernetes_validate is not installed")
    job = sent(kubernetes={"queue": "research"}, data=[], secrets=["key"])
    secret = body.secret(job, "uid", ["{}"], {"gaiaflow/project": "p"})
    assert list(form.misfits(job)) == []
    assert list(form.misfits(secret)) == []
    assert violations(pod_of(job)) == []
    assert podversion.fit(pod_of(job)["spec"]).oldest == podversion.OLDEST


def test_one_job_makes_the_calls_and_counts_each_by_itself() -> None:
    spec = sent(kubernetes={"parallelism": 2})["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 2)
    assert (spec["backoffLimitPerIndex"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    assert "suspend" not in spec


def test_a_queue_is_a_label_of_a_suspended_job() -> None:
    job = sent(kubernetes={"queue": "research"})
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"
    assert job["spec"]["suspend"] is True


def test_each_pod_reads_its_own_call() -> None:
    job = sent()
    calls = ['{"a": 1}', '{"a": 2}', '{"a": 3}']
    secret = body.secret(job, "uid", calls, {})
    assert [json.loads(base64.b64decode(secret["data"][f"{i}.json"])) for i in range(3)] == [
        {"a": 1},
        {"a": 2},
        {"a": 3},
    ]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    names = [variable["name"] for variable in container["env"]]
    place = {v["name"]: v.get("value") for v in container["env"]}["GAIAFLOW_CALL_FILE"]
    assert place == "/gaiaflow/$(JOB_COMPLETION_INDEX).json"
    assert names.index("JOB_COMPLETION_INDEX") < names.index("GAIAFLOW_CALL_FILE")
    assert "GAIAFLOW_CALL" not in names
    assert pod["volumes"] == [{"name": "gaiaflow-call", "secret": {"secretName": job["metadata"]["name"]}}]
    assert secret["metadata"]["ownerReferences"][0]["kind"] == "Job"


def test_the_names_of_its_pods_are_not_too_long() -> None:
    pod = {"metadata": {"name": "x" * 63, "namespace": "n"}, "spec": {"containers": []}}
    job = body.job(pod, "base", range(1000), "d", 5, "")
    assert len(f"{job['metadata']['name']}-999") <= body.LONGEST_NAME


LEAVE_OUT = "leave it out, or leave `fan_out` out: then each call is a task with a pod of its own"
AT_ONCE = 'kubernetes={"fan_out": "job", "parallelism": 20}'
REFUSED = [
    (
        {"kubernetes": {"fan_out": "jobs"}},
        "`fan_out` is 'jobs', not `job` or `tasks` (did you mean `job`?)",
        'kubernetes={"fan_out": "job"}',
    ),
    (
        {"kubernetes": {"fan_out": "tasks", "queue": "q"}},
        "`queue` in `kubernetes` is for one Job, and `fan_out` is not `job`",
        'kubernetes={"fan_out": "job", "queue": ...}',
    ),
    (
        {"map_over": None},
        "`fan_out` is `job`, and the task has no `map_over`",
        'map_over={"tile": [1, 2, 3]}',
    ),
    ({"kubernetes": {"parallelism": 0}}, "`parallelism` is 0, not a whole number of 1 or more", AT_ONCE),
    (
        {"kubernetes": {"queue": "No Queue"}},
        "`queue` is 'No Queue', not the name of a Kueue queue",
        'kubernetes={"fan_out": "job", "queue": "research"}',
    ),
    (
        {"kubernetes": {"on_finish_action": "keep_pod"}},
        "`on_finish_action` in `kubernetes` is for one pod, and `fan_out` is `job`: a Job has many",
        LEAVE_OUT,
    ),
    (
        {"kubernetes": {"results": "any"}},
        "`results` is `any`, and `fan_out` is `job`: the calls of a Job return at most 4 KiB each",
        "leave it out; write a larger value to S3 or MLflow and return its address",
    ),
    (
        {"max_active_tis_per_dag": 3},
        "`max_active_tis_per_dag` is for mapped tasks, and `fan_out` is `job`",
        AT_ONCE,
    ),
    (
        {"resources": {"limits": {"memory": "1Gi"}, "memory_on_oom": "2x"}},
        "`memory_on_oom` in `resources` is for one pod, and `fan_out` is `job`: its pods are all alike",
        LEAVE_OUT,
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("given", "message", "hint"), REFUSED, ids=[text for _, text, _ in REFUSED])
def test_what_does_not_go_with_one_job_is_refused_in_every_mode(
    given: dict[str, Any], message: str, hint: str, mode: str
) -> None:
    with pytest.raises(UsageError) as refused:
        made(mode, **dict(given))
    assert [refused.value.message, refused.value.hint] == [f"task `t`: {message}", hint]


@pytest.mark.parametrize("mode", MODES)
def test_all_calls_together_have_a_size_that_every_mode_takes(mode: str) -> None:
    task = made(mode, map_over={"x": ["x" * 1000] * 1100})
    with pytest.raises(GaiaflowError) as refused:
        task.encode_calls({})
    assert refused.value.message == "the 1100 calls of task `t` have 1165 KiB: one Job takes at most 1024 KiB"
    assert refused.value.hint == (
        "write the values to S3 or MLflow and pass their addresses, or leave `fan_out` out"
    )
    assert refused.value.is_final
