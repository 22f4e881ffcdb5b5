"""What a pod costs around its function: against the provider's defaults, and without the sidecar for results.

It needs a cluster and an image of a project.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from measure import Figure, run_tasks

TASKS = 5
KINDS = ("ours", "small", "raw")
FILE = """
import os
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from gaiaflow.tasks import create_task

PUSH = "import json; json.dump(2, open('/airflow/xcom/return.json', 'w'))"

with DAG("pods", schedule=None, start_date=datetime(2025, 1, 1)):
    before = None
    for i in range({count}):
        ours = create_task(f"ours_{{i}}", "operator:neg", func_args=[2])
        small = create_task(f"small_{{i}}", "operator:neg", func_args=[2], kubernetes={{"results": "small"}})
        raw = KubernetesPodOperator(
            task_id=f"raw_{{i}}", image=os.environ["GAIAFLOW_IMAGE"], cmds=["python", "-c", PUSH],
            config_file=os.environ["GAIAFLOW_KUBECONFIG"], namespace=os.environ["GAIAFLOW_NAMESPACE"],
            in_cluster=False, image_pull_policy="IfNotPresent", retries=0, do_xcom_push=True,
        )
        if before is not None:
            before >> ours
        ours >> small >> raw
        before = raw
"""


def figures() -> list[Figure]:
    """The kinds alternate in one run; the functions take no time, so that the task's time is the overhead."""
    missing = [
        n for n in ("GAIAFLOW_KUBECONFIG", "GAIAFLOW_NAMESPACE", "GAIAFLOW_IMAGE") if not os.environ.get(n)
    ]
    if missing:
        print(f"   left out: a pod's overhead: {', '.join(missing)} not set")
        return []
    taken = run_tasks(Path(__file__))
    ours, small, raw = (taken[kind] for kind in KINDS)
    return [
        Figure("a pod against the provider's defaults", ours / raw, 0.5, f"{ours:.1f} s against {raw:.1f} s"),
        Figure(
            "a pod without the sidecar against one with it",
            small / ours,
            1,
            f"{small:.2f} s against {ours:.2f} s",
        ),
    ]


def seconds() -> dict[str, float]:
    """Median seconds of a task of each kind."""
    from gaiaflow.project import Project
    from gaiaflow.testing import run_dag

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "dags").mkdir()
        (project / "pyproject.toml").write_text("[tool.gaiaflow]\nname = 'pods'\n")
        (project / "dags" / "pods.py").write_text(FILE.format(count=TASKS))
        run = run_dag("pods", "prod_local", project=Project.find(project))
    if run.state != "success":
        raise SystemExit(f"the bench DAG failed: {run}")
    return {kind: statistics.median(run.tasks[f"{kind}_{i}"].seconds for i in range(TASKS)) for kind in KINDS}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(seconds()) + "\n")
