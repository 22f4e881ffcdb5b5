"""The pods of deferrable tasks, watched together: against a fake API server on loopback."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger

from gaiaflow.operators.pod import watch
from gaiaflow.operators.pod.trigger import PodTrigger
from tests.pod_server import NAMESPACE, Server, pod

TAKEN = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drain"}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SHORTEST_PAUSE", 0.05)
    monkeypatch.setattr("gaiaflow.operators.pod.trigger.SOONEST", 0.0)


def trigger(server: Server, name: str, kind: type[Any] = PodTrigger, **given: Any) -> Any:
    timing = {"poll_interval": 0.1, "startup_check_interval": 0.1}
    return kind(
        pod_name=name,
        pod_namespace=NAMESPACE,
        base_container_name="base",
        config_dict=server.kubeconfig,
        in_cluster=False,
        trigger_start_time=datetime.datetime.now(datetime.timezone.utc),
        **{**timing, **given},
    )


async def event(trigger: Any) -> dict[str, Any]:
    """What a trigger reports, once."""
    found = [each.payload async for each in trigger.run()]
    assert len(found) == 1
    return found[0]


def played(*triggers: Any, play: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    """The events of triggers, while something happens to their pods."""

    async def run() -> list[dict[str, Any]]:
        waiting = [asyncio.create_task(event(each)) for each in triggers]
        await play()
        found = await asyncio.wait_for(asyncio.gather(*waiting), 20)
        assert not watch._WATCHES.get(asyncio.get_running_loop())
        assert len(asyncio.all_tasks()) == 1
        return found

    return asyncio.run(run())


async def until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def requests_of(server: Server, kind: type[Any], count: int = 4) -> int:
    names = [f"p{number}" for number in range(count)]
    server.put(*(pod(name) for name in names))
    before = server.requests.total()

    async def play() -> None:
        await until(lambda: server.requests.total() > before + 1)
        await asyncio.sleep(0.5)
        server.put(*(pod(name, "Succeeded", 0) for name in names))

    events = played(*(trigger(server, name, kind) for name in names), play=play)
    assert {each["status"] for each in events} == {"success"}
    return server.requests.total() - before


def test_four_pods_take_a_fraction_of_the_requests(server: Server) -> None:
    ours = requests_of(server, PodTrigger)
    assert server.requests == {"list": 1, "watch": 1}
    assert requests_of(server, KubernetesPodTrigger) > 5 * ours


def test_an_account_that_may_not_watch_asks_for_each_pod(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused = {"watch"}
    assert requests_of(server, PodTrigger, 3) > 3
    assert server.requests["watch"] == 1
    said = [each.getMessage() for each in caplog.records if each.name == watch.__name__]
    assert len(said) == 1
    assert "apply `gaiaflow prod.manifests` again" in said[0]


def test_a_connection_that_ends_is_made_again_where_it_was(server: Server) -> None:
    server.put(pod("p"))

    async def play() -> None:
        await until(lambda: server.requests["watch"] == 1)
        server.drop()
        server.put(pod("p", "Succeeded", 0))

    assert played(trigger(server, "p"), play=play)[0]["status"] == "success"
    assert server.requests == {"list": 1, "watch": 2}


def test_a_version_that_is_too_old_is_answered_with_a_list(server: Server) -> None:
    server.put(pod("p"), pod("q"))

    async def play() -> None:
        await until(lambda: server.requests["watch"] == 1)
        server.silent = True
        server.put(pod("p", "Succeeded", 0))
        server.delete("q")
        server.forget()
        server.silent = False
        server.drop()

    events = played(trigger(server, "p"), trigger(server, "q"), play=play)
    assert [each["status"] for each in events] == ["success", "error"]
    assert server.requests["list"] == 2


def test_a_list_comes_in_pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAGE", 2)
    names = [f"p{number}" for number in range(5)]
    server.put(*(pod(name, "Succeeded", 0) for name in names))

    async def play() -> None:
        return

    assert len(played(*(trigger(server, name) for name in names), play=play)) == 5
    assert (server.requests["list"], server.requests["get"]) == (3, 0)


def test_a_silent_watch_is_not_believed_for_long(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STALE", 0.3)
    monkeypatch.setattr("gaiaflow.operators.pod.trigger.LOOK", 0.1)
    server.put(pod("p"))

    async def play() -> None:
        await until(lambda: server.requests["watch"] == 1)
        server.silent = True
        server.put(pod("p", "Succeeded", 0))

    assert played(trigger(server, "p"), play=play)[0]["status"] == "success"
    assert server.requests["get"] >= 1


def test_a_pod_that_is_evicted_says_so_when_it_is_gone(server: Server) -> None:
    server.put(pod("p"), pod("q"))

    async def play() -> None:
        await until(lambda: server.requests["watch"] == 1)
        server.put(pod("p", conditions=[TAKEN]))
        server.delete("p")
        server.delete("q")

    evicted, deleted = played(trigger(server, "p"), trigger(server, "q"), play=play)
    assert evicted["status"] == deleted["status"] == "error"
    assert evicted["_gaiaflow_disrupted"] == "EvictionByEvictionAPI: drain"
    assert "_gaiaflow_disrupted" not in deleted


def test_a_function_that_runs_too_long_times_out(server: Server) -> None:
    server.put(pod("p"))

    async def play() -> None:
        return

    late = trigger(server, "p", trigger_kwargs={"_execution_deadline": time.time() + 0.5})
    (found,) = played(late, play=play)
    assert found["status"] == "timeout"
    assert server.requests == {"list": 1, "watch": 1}


def waiting(reason: str, message: str) -> dict[str, Any]:
    """A pod whose container cannot be made."""
    found = pod("p", "Pending")
    state = {"waiting": {"reason": reason, "message": message}}
    base = {"name": "base", "image": "p/p:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    found["status"]["containerStatuses"] = [base]
    return found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("CreateContainerConfigError", 'secret "s" not found'), "secret `s` is not in the cluster"),
        (("ErrImagePull", "manifest unknown"), "Image cannot be pulled"),
    ],
)
def test_a_pod_that_can_never_start_is_given_up_at_once(
    server: Server, given: tuple[str, str], said: str
) -> None:
    server.put(waiting(*given))

    async def play() -> None:
        return

    (found,) = played(trigger(server, "p", startup_timeout=600, schedule_timeout=3600), play=play)
    assert found["status"] == "timeout"
    assert said in found["message"]


def test_a_pod_without_a_node_says_why(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    full = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient cpu."}
    wrong = full | {"message": "0/1 nodes: 1 node(s) didn't match Pod's node affinity/selector."}
    server.put(*(pod(name, "Pending", conditions=[why]) for name, why in [("p", full), ("q", wrong)]))

    async def play() -> None:
        await asyncio.sleep(0.5)
        server.put(pod("p", "Succeeded", 0))

    triggers = [trigger(server, name, startup_timeout=0, schedule_timeout=60) for name in "pq"]
    fitting, never = played(*triggers, play=play)
    assert fitting["status"] == "success"
    assert (never["status"], never["message"]) == ("timeout", wrong["message"])
    said = f"waiting for room in the cluster, 0 s of at most 1 min: {full['message']}"
    assert capsys.readouterr().out.count(said) == 1


def test_a_kill_removes_the_pod_and_a_lost_triggerer_does_not(server: Server) -> None:
    server.put(*(pod(name) for name in "pqr"))
    killed, lost, other = (trigger(server, name) for name in "pqr")

    async def play() -> None:
        await until(lambda: server.requests["watch"] == 1)
        for each in (killed, lost):
            waiting = asyncio.create_task(event(each))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await killed.on_kill()
        await lost.cleanup()
        assert set(server.pods) == {"q", "r"}
        server.put(pod("r", "Succeeded", 0))

    assert played(other, play=play)[0]["status"] == "success"

    async def end() -> None:
        await asyncio.sleep(0.1)
        server.put(pod("q", "Succeeded", 0))

    name, kwargs = lost.serialize()
    assert name == "gaiaflow.operators.pod.trigger.PodTrigger"
    assert played(PodTrigger(**kwargs), play=end)[0]["status"] == "success"
    assert server.requests["delete"] == 1


def test_no_task_goes_on_before_the_scheduler_knows_that_it_was_deferred(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiaflow.operators.pod.trigger.SOONEST", 1.0)
    server.put(pod("p", "Succeeded", 0))

    async def play() -> None:
        return

    early = trigger(server, "p")
    assert played(early, play=play)[0]["status"] == "success"
    assert early._age() >= 1


def test_the_environment_of_a_pod_is_not_kept(server: Server) -> None:
    server.put(pod("p"))
    mine = trigger(server, "p")

    async def play() -> None:
        await until(lambda: mine.hook.pods is not None and "p" in mine.hook.pods._pods)
        seen = mine.hook.pods._pods["p"]
        assert (seen.spec, seen.status.phase) == (None, "Running")
        server.put(pod("p", "Succeeded", 0))

    assert played(mine, play=play)[0]["status"] == "success"
