"""What create_task costs while a DAG file is read, against the raw operators."""

from __future__ import annotations

from functools import lru_cache

from measure import Figure, child, paired

ROUNDS = 9
HEAD = """
import sys, time, json, resource, datetime
begun = time.process_time()
from airflow.sdk import DAG
dag = DAG("bench", schedule=None, start_date=datetime.datetime(2025, 1, 1))
"""
TAIL = """
print(json.dumps({"seconds": time.process_time() - begun,
                  "kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                  "foreign": sum(m in sys.modules for m in FOREIGN)}))
"""
FREEZE = "import gc\ngc.collect()\ngc.freeze()\n"
FOREIGN = {
    "dev": ("docker", "kubernetes"),
    "dev_docker": ("kubernetes",),
    "prod_local": ("docker",),
    "prod": ("docker",),
}
RAW = {
    "dev": """
from airflow.providers.standard.operators.python import ExternalPythonOperator
def f(): pass
with dag:
    for i in range(COUNT):
        ExternalPythonOperator(task_id=f"t{i}", python=sys.executable, python_callable=f, expect_airflow=False,
                               op_kwargs={"n": i}, retries=3)
""",
    "dev_docker": """
from airflow.providers.docker.operators.docker import DockerOperator
with dag:
    for i in range(COUNT):
        DockerOperator(task_id=f"t{i}", image="bench:1", command="true", retries=3, environment={"N": str(i)})
""",
    "prod_local": """
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
with dag:
    for i in range(COUNT):
        KubernetesPodOperator(task_id=f"t{i}", image="bench:1", cmds=["true"], retries=3,
                              env_vars={"N": str(i)})
""",
}
RAW["prod"] = RAW["prod_local"]
OURS = """
from gaiaflow.tasks import create_task
with dag:
    for i in range(COUNT):
        create_task(f"t{i}", "bench:f", func_kwargs={"n": i}, image="bench:1")
"""


def parse(body: str, mode: str, count: int) -> dict[str, float]:
    """Processor seconds and memory of one fresh interpreter that reads one DAG."""
    code = f"COUNT = {count}\nFOREIGN = {FOREIGN[mode]!r}\n{HEAD}{body}{TAIL}"
    return child(code, GAIAFLOW_MODE=mode)


def construct(body: str, count: int) -> float:
    """Processor seconds for the tasks alone; imports are done before the clock starts.

    What they made is frozen, as in Airflow's DAG processor: else a full collection of all that Airflow loaded,
    which takes longer than the tasks, falls into one of the two by chance.
    """
    warm = body.replace("COUNT", "1").replace("with dag:", "with DAG('warm', schedule=None):")
    code = f"COUNT = {count}\nFOREIGN = ()\n{HEAD}{warm}\n{FREEZE}begun = time.process_time()\n{body}{TAIL}"
    return child(code, GAIAFLOW_MODE="dev")["seconds"]


def figures() -> list[Figure]:
    found = []
    for mode, raw in RAW.items():
        memory = lru_cache(lambda body, mode=mode: parse(body, mode, 10)["kib"])
        found += [
            paired(
                f"parse a ten-task DAG, {mode}, against the raw operator",
                1.05,
                lambda mode=mode: parse(OURS, mode, 10)["seconds"],
                lambda mode=mode, raw=raw: parse(raw, mode, 10)["seconds"],
                ROUNDS,
            ),
            paired(
                f"memory of it, {mode}",
                1.05,
                lambda memory=memory: memory(OURS),
                lambda memory=memory, raw=raw: memory(raw),
                1,
                "KiB",
            ),
        ]
        found.append(
            Figure(f"packages of other modes loaded, {mode}", parse(OURS, mode, 1)["foreign"], 0, "count")
        )
    return [
        *found,
        paired(
            "200 create_task against 200 raw",
            1.2,
            lambda: construct(OURS, 200),
            lambda: construct(RAW["dev"], 200),
            5,
        ),
        paired("200 create_task against 50", 4.4, lambda: construct(OURS, 200), lambda: construct(OURS, 50), 5),
    ]
