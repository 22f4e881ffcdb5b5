"""The errors that the documentation explains at length, and the address of each explanation.

The errors of a command are explained in one page, the ways for a task to fail in another.
"""

from __future__ import annotations

import functools
import re

# Where the pages are read; the one place that says so.
PAGES = "https://github.com/bcdev/gaiaflow/blob/main/docs"
ERRORS = f"{PAGES}/reference/errors.md"
FAILURES = f"{PAGES}/reference/failures.md"
# The errors of commands: the anchor of an explanation, and the message as the catalogue has it.
EXPLAINED = {
    "no-project": "no project in `<here>` or above it: no pyproject.toml with [tool.gaiaflow]",
    "airflow-is-not-running": "Airflow is not running",
    "port-is-taken": "port <taken> of `<name>` is taken by <by>",
    "still-starting": "`<service>` does not answer yet at <url><health>; it is still starting, <parts>",
    "exited-during-startup": (
        "`<name>` exited during startup; what this command started is stopped. Its last lines: <output>"
    ),
    "another-command": "another `inv dev` command is changing this stack",
    "other-backend": "the project has its data on the backend `<last>`",
    "no-docker-engine": "no Docker engine answers: <cause>",
    "docker-permission": "the Docker engine refuses this user: permission denied on its socket",
    "no-environment": "no Python at `<python>`: the project's environment does not exist yet",
    "no-such-dag": "no file in <dags> defines a DAG `<name>`",
    "file-not-read": (
        "Airflow has not read the file of DAG `<name>` since it was changed or Airflow was started"
    ),
    "param-does-not-fit": "`<name>` of `--conf` does not fit DAG `<dag>`: <answer>",
    "no-such-param": "DAG `<dag>` has no param `<name>`",
    "run-not-finished": "run `<run>` of `<dag>` has not finished after <wait> s; it continues",
    "date-is-taken": "DAG `<dag>` already has a run for <date>: `<other>`",
    "no-image-on-this-machine": "no image `<image>` on this machine",
    "no-image-named": "mode `<mode>` needs an image, and neither `image` nor `GAIAFLOW_IMAGE` is set",
    "image-not-on-engine": "image `<image>` is not on this engine",
    "cluster-does-not-answer": "the cluster `<cluster>` does not answer: <cause>",
    "no-local-cluster": "no local cluster: <named>",
    "no-minikube": "`minikube` is not on PATH",
    "no-secret": "secret `<name>` is not in the cluster",
    "no-result": "`<function>` ended without a result",
    "arguments-not-json": "task `<task>` cannot pass its arguments to `<function>`: <problem>",
}
# The errors of tasks: what one looks like, and the section about it; the first that fits counts.
_SECTIONS = (
    (r"image `.+` has no `(python|/opt/gaiaflow/runner\.py)`", "an-image-without-python"),
    (r"image `.+` is not ", "no-such-image"),
    (r"secret `.+` is not in the cluster", "no-such-secret"),
    (r"the cluster refused the pod .*exceeded quota", "quota"),
    (r"the cluster refused the pod .*forbidden: User", "namespace-denied"),
    (r"the pod did not start: ", "no-room-on-a-node"),
    (r"the cluster does not answer: |no local cluster: ", "no-cluster"),
    (r"no Docker engine at ", "no-engine"),
    (r"the arguments of task `.+` have .* KiB", "arguments-that-are-too-large"),
    (r"`\S+` did not end within ", "a-time-out"),
    (r"`\S+` was stopped: its (pod|container) was ", "a-pod-that-is-gone"),
    (r"`\S+` was killed: it used more memory", "out-of-memory"),
    (r"`\S+` was terminated by signal (9|15)\b", "killed"),
    (r"`\S+` was terminated by signal ", "a-crash"),
    (r"`\S+` exited with code ", "os_exit"),
    (r"\S+ does not import: ", "no-such-module"),
    (r"\S+ has no function `", "no-such-function"),
    (r"\S+ does not take this call: ", "wrong-arguments"),
    (r"\S+ returned what is not JSON: ", "a-result-that-is-not-json"),
    (r"the result of \S+ cannot be written: ", "disk-full"),
    (r"\S+ raised SystemExit\b", "sysexit"),
    (r"\S+ raised OSError: \[Errno 28\]", "disk-full"),
    (r"\S+ raised ", "an-exception"),
)


def of_command(message: str) -> str:
    """The address of the explanation of a command's error; empty for most.

    Args:
        message: the error's, without its hint.
    """
    found = (anchor for anchor, pattern in _patterns() if pattern.fullmatch(message))
    return next((f"{ERRORS}#{anchor}" for anchor in found), "")


def of_task(error: str) -> str:
    """The address of the section about a task's error; empty for one that has none."""
    anchor = next((anchor for text, anchor in _SECTIONS if re.match(text, error, re.DOTALL)), "")
    return f"{FAILURES}#{anchor}" if anchor else ""


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(anchor, _pattern(text)) for anchor, text in EXPLAINED.items()]


def _pattern(text: str) -> re.Pattern[str]:
    """What a message looks like with its values filled in, and with a name that is close."""
    parts = (re.escape(part) for part in re.split(r"<[^>]*>", text))
    return re.compile(".*?".join(parts) + r"(?: \(did you mean `.*`\?\))?", re.DOTALL)
