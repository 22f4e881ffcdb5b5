"""One watch for all pods of a namespace, shared by the triggers of a process: no request for each pod."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from kubernetes_asyncio import client as k8s

from gaiaflow.operators.pod.spec import MANAGED

# How long one request lasts, in seconds; a connection that died without a word is noticed after it.
LASTS, LATE = 60, 15
# After which silence a pod is asked for by itself.
STALE = LASTS + 2 * LATE
# Until a watch that the API server refused is tried again, and how long a trigger waits for the first list.
REFUSED, FIRST = 300.0, 10.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
# A list comes in pages: each pod has its whole environment.
PAGE = 100
UNAUTHORISED, FORBIDDEN, EXPIRED = 401, 403, 410
_SELECTOR = ",".join("=".join(pair) for pair in MANAGED.items())
_KEPT = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp")
_log = logging.getLogger(__name__)

Connect = Callable[[], AbstractAsyncContextManager[Any]]


class RefusedError(Exception):
    """The API server does not answer this account's requests to list or watch."""


class ExpiredError(Exception):
    """The API server does not know any more what happened since the last event."""


class PodWatch:
    """The state of gaiaflow's pods in one namespace, as the API server reports it.

    Args:
        connect: opens a client of the API server.
        namespace: of the pods.
    """

    def __init__(self, connect: Connect, namespace: str) -> None:
        self.connect, self.namespace = connect, namespace
        self._pods: dict[str, Any] = {}
        self._gone: dict[str, Any] = {}
        self._changes: dict[str, asyncio.Event] = {}
        self._names: dict[str, int] = {}
        self._ready = asyncio.Event()
        self._heard = 0.0
        self._version = ""
        # No trigger's context, so that what this logs is in no task's log.
        empty = contextvars.Context()
        self._task = empty.run(asyncio.get_running_loop().create_task, self._follow())

    @property
    def fresh(self) -> bool:
        """Whether what it knows is of this moment."""
        return self._heard > 0 and time.monotonic() - self._heard < STALE

    async def find(self, name: str) -> Any:
        """A pod with its status and nothing of its spec; None where the API server has to be asked."""
        if not self._ready.is_set():
            await _within(self._ready, FIRST)
        return self._pods.get(name) if self.fresh else None

    def last(self, name: str) -> Any:
        """How a pod was when it was deleted; None where nobody saw it."""
        return self._gone.get(name)

    def change(self, name: str) -> asyncio.Event:
        """What is set when the pod changes next, or when there is reason to ask the API server."""
        return self._changes.setdefault(name, asyncio.Event())

    def join(self, name: str) -> None:
        """Keep the end of this pod in mind."""
        self._names[name] = self._names.get(name, 0) + 1

    def leave(self, name: str) -> bool:
        """Forget this pod. Returns: whether somebody waits for another one."""
        self._names[name] -= 1
        if not self._names[name]:
            del self._names[name]
            self._gone.pop(name, None)
            self._changes.pop(name, None)
        return bool(self._names)

    async def stop(self) -> None:
        """End the watch."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._connected()
                pause = SHORTEST_PAUSE
                rest = SHORTEST_PAUSE - (time.monotonic() - began)
            except ExpiredError:
                self._version, rest = "", SHORTEST_PAUSE
            except RefusedError as error:
                self._give_way(error)
                rest = REFUSED
            except Exception as error:  # noqa: BLE001 - whatever it is, each pod is asked for by itself
                _log.info("the watch of the pods in %s ended: %r", self.namespace, error)
                rest, pause = pause, min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(max(rest, 0))

    async def _connected(self) -> None:
        """List once, then follow the changes until the API server ends the request."""
        async with self.connect() as api:
            if not self._version:
                await self._list(api)
            await self._stream(api)

    async def _list(self, api: Any) -> None:
        found: dict[str, Any] = {}
        more: dict[str, Any] = {}
        while True:
            answer = await self._ask(api, limit=PAGE, **more)
            page = json.loads(await answer.read())
            found.update((pod["metadata"]["name"], _slim(api, pod)) for pod in page["items"])
            if not (token := page["metadata"].get("continue")):
                break
            more = {"_continue": token}
        for name in self._pods.keys() - found.keys():
            self._forget(name, self._pods[name])
        self._pods, self._version = found, page["metadata"]["resourceVersion"]
        self._told()
        self._ready.set()
        self._wake()

    async def _stream(self, api: Any) -> None:
        options = {"resource_version": self._version, "watch": True, "allow_watch_bookmarks": True}
        answer = await self._ask(api, LASTS + LATE, timeout_seconds=LASTS, **options)
        self._told()
        try:
            while line := await answer.content.readline():
                self._take(api, json.loads(line))
                self._told()
        finally:
            answer.close()
        self._told()

    async def _ask(self, api: Any, timeout: float = LASTS, **options: Any) -> Any:
        """A list, or a watch.

        Raises:
            ExpiredError: the version or the page is too old.
            RefusedError: the account may not do that.
        """
        answer = await k8s.CoreV1Api(api).list_namespaced_pod(
            self.namespace,
            label_selector=_SELECTOR,
            _preload_content=False,
            _request_timeout=timeout,
            **options,
        )
        if answer.status == EXPIRED:
            raise ExpiredError
        if answer.status in (UNAUTHORISED, FORBIDDEN):
            raise RefusedError(f"{answer.status} {answer.reason}")
        answer.raise_for_status()
        return answer

    def _take(self, api: Any, event: dict[str, Any]) -> None:
        kind, pod = event["type"], event["object"]
        if kind == "ERROR":
            if pod.get("code") == EXPIRED:
                raise ExpiredError
            raise OSError(pod.get("message"))
        self._version = pod["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        name = pod["metadata"]["name"]
        if kind == "DELETED":
            self._pods.pop(name, None)
            self._forget(name, _slim(api, pod))
        else:
            self._pods[name] = _slim(api, pod)
        self._changed(name)

    def _forget(self, name: str, pod: Any) -> None:
        if name in self._names:
            self._gone[name] = pod

    def _told(self) -> None:
        self._heard = time.monotonic()

    def _changed(self, name: str) -> None:
        if event := self._changes.pop(name, None):
            event.set()

    def _wake(self) -> None:
        for name in list(self._changes):
            self._changed(name)

    def _give_way(self, error: RefusedError) -> None:
        _log.warning(
            "the account of the triggerer may not watch pods in %s (%s): each pod is asked for by itself; "
            "apply `gaiaflow prod.manifests` again, or run `gaiaflow prodlocal.start`",
            self.namespace,
            error,
        )
        self._heard, self._version = 0.0, ""
        self._pods.clear()
        self._ready.set()
        self._wake()


_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], PodWatch]] = WeakKeyDictionary()


@asynccontextmanager
async def joined(cluster: str, namespace: str, name: str, connect: Connect) -> AsyncIterator[PodWatch]:
    """The watch of a namespace, begun by the first trigger that waits for a pod there, ended by the last.

    Args:
        cluster: what tells clusters, and accounts, from each other.
        name: of the pod.
        connect: opens a client; the newest one is used, since an older one's token may have ended.
    """
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), {})
    place = (cluster, namespace)
    watch = watches.get(place)
    if watch is None:
        watch = watches[place] = PodWatch(connect, namespace)
    watch.connect = connect
    watch.join(name)
    try:
        yield watch
    finally:
        if not watch.leave(name):
            del watches[place]
            await watch.stop()


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return


def _slim(api: Any, pod: dict[str, Any]) -> Any:
    """A pod without its spec, which holds its environment."""
    metadata = {key: pod["metadata"][key] for key in _KEPT if key in pod["metadata"]}
    text = json.dumps({"metadata": metadata, "status": pod.get("status", {})})
    return api.deserialize(SimpleNamespace(data=text), "V1Pod")
