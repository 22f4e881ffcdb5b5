"""1,000 mapped pods, 50 at a time, against a fake API server: as tasks that wait, and as deferrable ones.

Each way has its own processes, forked from one that has imported Airflow, like those of the executor. Not in
the figures: the scheduler, and the supervisor of each running task, 50 more processes for tasks that wait.
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import heapq
import json
import multiprocessing
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from measure import ROOT, Figure

AT_A_TIME, SECONDS = 50, 5.0
# Airflow's workers where no task waits in one.
WORKERS = 4
WAITING, OURS, THEIRS = "waiting", "deferred", "deferred-theirs"
# Airflow's own trigger makes a client for each request, and takes a processor for itself: fewer say the same.
COUNTS = {WAITING: 1000, OURS: 1000, THEIRS: 100}
FORK = multiprocessing.get_context("fork")
TRIGGER = "airflow.providers.cncf.kubernetes.triggers.pod.KubernetesPodTrigger"


def figures() -> list[Figure]:
    """Each way in a process of its own."""
    taken = {way: _taken(way) for way in (WAITING, OURS, THEIRS)}
    return [
        _figure(
            "API requests of a deferrable pod against Airflow's own trigger", THEIRS, "requests", 0.75, taken
        ),
        _figure("API requests of a deferrable pod against a task that waits", WAITING, "requests", 0.75, taken),
        _figure("memory for 50 deferrable pods at a time against tasks that wait", WAITING, "MiB", 0.5, taken),
        _figure("time for 1,000 deferrable pods against tasks that wait", WAITING, "s", 1.2, taken),
    ]


def _figure(name: str, other: str, unit: str, goal: float, taken: dict[str, dict[str, float]]) -> Figure:
    mine, theirs = taken[OURS][unit], taken[other][unit]
    return Figure(name, mine / theirs, goal, f"{mine:.4g} {unit} against {theirs:.4g} {unit}")


def _taken(way: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL"}
        env |= {"PYTHONPATH": str(ROOT), "GAIAFLOW_IMAGE": "p/p:1", "GAIAFLOW_NAMESPACE": "mine"}
        env |= {"GAIAFLOW_KUBECONFIG": f"{home}/kubeconfig"}
        done = subprocess.run(
            [sys.executable, __file__, way], env=env, capture_output=True, text=True, check=False, timeout=1800
        )
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(way: str) -> None:
    """One way; its figures as JSON."""
    with served() as requests:
        take(1 if way == WAITING else 0)  # what is imported late is shared by the forks
        before = requests()
        begun = time.perf_counter()
        memory = wait_in_tasks() if way == WAITING else wait_in_a_triggerer(theirs=way == THEIRS)
        seconds = time.perf_counter() - begun
        found = {
            "requests": (sum(requests().values()) - sum(before.values())) / COUNTS[way],
            "MiB": memory,
            "s": seconds,
        }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def take(_: int) -> None:
    """Import what a task needs."""
    from gaiaflow.operators.pod import trigger  # noqa: F401

    task(0)


def task(number: int) -> tuple[Any, dict[str, Any]]:
    """A task and the context of one of its mapped instances."""
    from gaiaflow.tasks import create_task

    made = create_task("t", "json:loads", mode="prod_local", kubernetes={"deferrable": sys.argv[1] != WAITING})
    made.func_args, made.func_kwargs = ["2"], {}
    ti = SimpleNamespace(dag_id="flow", task_id="t", run_id="run", map_index=number, try_number=1)
    ti.xcom_push, ti.start_date = lambda **_: None, datetime.datetime.now(datetime.timezone.utc)
    return made, {"ti": ti, "run_id": "run", "dag": SimpleNamespace(), "params": {}}


def run(number: int) -> None:
    """A task that waits for its pod."""
    made, context = task(number)
    assert made.execute(context) == 2


def start(number: int) -> tuple[int, tuple[str, dict[str, Any]]]:
    """A deferrable task, until it is deferred."""
    from airflow.sdk.exceptions import TaskDeferred

    made, context = task(number)
    try:
        made.execute(context)
    except TaskDeferred as deferred:
        return number, deferred.trigger.serialize()
    raise SystemExit("the task was not deferred")


def finish(number: int, event: dict[str, Any]) -> None:
    """A deferrable task, once its pod has ended."""
    made, context = task(number)
    assert made.trigger_reentry(context, event) == 2


def wait_in_tasks() -> float:
    with FORK.Pool(AT_A_TIME, initializer=_quiet) as pool, watched(_pids()) as memory:
        for _ in pool.imap_unordered(run, range(COUNTS[sys.argv[1]])):
            pass
    return memory()


def wait_in_a_triggerer(theirs: bool) -> float:
    given, seen = FORK.Queue(), FORK.Queue()
    triggerer = FORK.Process(target=trigger_all, args=(given, seen, theirs), daemon=True)
    with FORK.Pool(WORKERS, initializer=_quiet) as pool:
        triggerer.start()
        with watched([*_pids(), triggerer.pid or 0]) as memory:
            _coordinate(pool, given, seen)
    triggerer.terminate()
    return memory()


def _coordinate(pool: Any, given: Any, seen: Any) -> None:
    """Start so many at a time, hand them to the triggerer, and take up each one whose pod has ended."""
    news: queue.Queue[tuple[str, Any]] = queue.Queue()
    numbers = iter(range(COUNTS[sys.argv[1]]))

    def begin() -> None:
        number = next(numbers, None)
        if number is not None:
            pool.apply_async(
                start, (number,), callback=given.put, error_callback=lambda e: news.put(("failed", e))
            )

    def listen() -> None:
        while True:
            news.put(("event", seen.get()))

    threading.Thread(target=listen, daemon=True).start()
    for _ in range(AT_A_TIME):
        begin()
    done = 0
    while done < COUNTS[sys.argv[1]]:
        kind, value = news.get()
        if kind == "failed":
            raise value
        if kind == "event":
            pool.apply_async(
                finish,
                value,
                callback=lambda _: news.put(("done", None)),
                error_callback=lambda e: news.put(("failed", e)),
            )
            continue
        done += 1
        begin()


def trigger_all(given: Any, seen: Any, theirs: bool) -> None:
    """The triggerer: all triggers in one loop."""
    from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger

    from gaiaflow.operators.pod.trigger import PodTrigger

    _quiet()
    kind = KubernetesPodTrigger if theirs else PodTrigger

    async def one(number: int, kwargs: dict[str, Any]) -> None:
        async for event in kind(**kwargs).run():
            seen.put((number, event.payload))

    async def every() -> None:
        running = set()
        while True:
            number, (_, kwargs) = await asyncio.to_thread(given.get)
            running.add(asyncio.create_task(one(number, kwargs)))

    asyncio.run(every())


def _quiet() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)


def _pids() -> list[int]:
    return [c.pid for c in multiprocessing.active_children() if c.pid and c.name.startswith("ForkPool")]


@contextmanager
def watched(pids: list[int]) -> Iterator[Callable[[], float]]:
    """The most MiB that processes have together; a page that two share counts half in each."""
    most, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(2):
            most[0] = max(most[0], sum(_proportional(pid) for pid in pids) / 1024)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: most[0]
    finally:
        ended.set()
        looking.join()


def _proportional(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@contextmanager
def served() -> Iterator[Callable[[], dict[str, int]]]:
    """The fake API server in a process of its own; what tells how many requests it had."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    Path(os.environ["GAIAFLOW_KUBECONFIG"]).write_text(json.dumps(here.recv()))

    def requests() -> dict[str, int]:
        here.send("requests")
        return dict(here.recv())

    try:
        yield requests
    finally:
        process.terminate()


def _serve(pipe: Any) -> None:
    from tests.pod_server import Server

    server = Server()
    Kubelet(server)
    pipe.send(server.kubeconfig)
    while pipe.recv():
        pipe.send(server.requests)


class Kubelet:
    """Runs the pods of the fake API server: each waits a moment, runs, and leaves its result."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._due: list[tuple[float, int, dict[str, Any]]] = []
        self._news = threading.Condition()
        self._order = 0
        server.made = self.take
        threading.Thread(target=self._work, daemon=True).start()

    def take(self, pod: dict[str, Any]) -> None:
        """A pod that a client made."""
        self._server.put(pod)
        running = {"name": "base", "image": "p/p:1", "imageID": "", "ready": True, "restartCount": 0}
        ended = {"exitCode": 0, "reason": "Completed", "message": "gaiaflow-result 2"}
        for wait, phase, state in (
            (0.5, "Running", {"running": {}}),
            (0.5 + SECONDS, "Succeeded", {"terminated": ended}),
        ):
            later = copy.deepcopy(pod)
            later["status"] = {"phase": phase, "containerStatuses": [{**running, "state": state}]}
            with self._news:
                self._order += 1
                heapq.heappush(self._due, (time.monotonic() + wait, self._order, later))
                self._news.notify()

    def _work(self) -> None:
        while True:
            with self._news:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._news.wait(self._due[0][0] - time.monotonic() if self._due else None)
                pod = heapq.heappop(self._due)[2]
            if pod["metadata"]["name"] in self._server.pods:
                self._server.put(pod)


if __name__ == "__main__":
    main(sys.argv[1])
