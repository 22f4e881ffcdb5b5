"""The ways in which a task, a DAG file or a run can fail, and what a person sees of each in each mode.

This one table drives the tests and the page docs/reference/failures.md; `nox -s docs -- generate` writes the
page. Held by:

- tests/airflow/test_ways.py: every cell, with the operators in a real run of one process. The functions run in
  the real runner; an engine and a cluster are played by local processes and recorded answers.
- tests/integration/test_dev_docker.py, test_pods.py: the cells with ``real``, on an engine and in a cluster.
- tests/unit/lifecycle/dag/test_ways.py: what `dag.run` shows of every cell, its last line, and how soon.
- tests/unit/test_docs.py: the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "failures.md"
MODES = ("dev", "dev_docker", "prod_local", "prod")
CONTAINERS = MODES[1:]
PODS = ("prod_local", "prod")
# Where the functions of the tests lie, and what the page calls it.
MODULE, SHOWN_AS = "parity", "my_package"
IMAGE = "p/p:1"
# Stands for what varies, in an error as in the page.
HOLE = "…"
# The level of the error in Airflow's log, and the seconds after an attempt until `dag.run` has shown it.
LEVEL = "error"
# Whose text alone is shown, and the last line of one after which no attempt follows.
OURS = ("TaskFailedError", "GaiaflowError", "MissingError", "UsageError")
FINAL_NOTE = "not retried: another attempt would fail in the same way"
SOON = 3


@dataclass(frozen=True)
class Seen:
    """A task that fails.

    Attributes:
        error: as `dag.run` and Airflow's log say it.
        again: other attempts follow; without it the first is the last.
        real: held on a real engine or cluster, too.
    """

    error: str
    again: bool = True
    real: bool = False


@dataclass(frozen=True)
class Refused:
    """Nothing is started: the command ends with this error and this exit code."""

    error: str
    code: int


@dataclass(frozen=True)
class Never:
    """What cannot happen in a mode, and why."""

    why: str


Cell = Seen | Refused | Never


@dataclass(frozen=True)
class Way:
    """One way to fail.

    Attributes:
        name: the heading of its section.
        what: what has happened, and what helps.
        cells: by mode.
        task: the arguments of create_task, for a task that fails in this way.
        file: the DAG file, for one that does not import.
        conf: the params of the run, for those that do not fit.
    """

    name: str
    what: str
    cells: Mapping[str, Cell]
    task: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    conf: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its task id."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")

    @property
    def anchor(self) -> str:
        """Of its section, as GitHub and MkDocs make it from the heading."""
        return re.sub(r"[^\w -]", "", self.name.lower()).replace(" ", "-")

    def cell(self, mode: str) -> Cell:
        return self.cells[mode]


def everywhere(cell: Cell, **other: Cell) -> dict[str, Cell]:
    """The same in all modes but the named ones."""
    return {**dict.fromkeys(MODES, cell), **other}


def in_containers(cell: Cell, why: str, **other: Cell) -> dict[str, Cell]:
    """The same in all modes but dev, where it cannot happen, and the named ones."""
    return {"dev": Never(why), **dict.fromkeys(CONTAINERS, cell), **other}


def in_pods(cell: Cell, why: str, **other: Cell) -> dict[str, Cell]:
    """The same in both modes of pods; in the others it cannot happen."""
    return {**dict.fromkeys(MODES, Never(why)), **dict.fromkeys(PODS, cell), **other}


def call(function: str, *args: Any, **more: Any) -> dict[str, Any]:
    return {"func_path": f"{MODULE}.{function}", **({"func_args": list(args)} if args else {}), **more}


def raised(function: str, error: str, real: bool = True) -> Seen:
    return Seen(f"{MODULE}.{function} raised {error}", real=real)


NO_IMAGE = "dev has no image"
NO_POD = "a mode without pods"
_KILLED = Seen(f"`{MODULE}.fails:is_killed` was terminated by signal 9")
_DAG = "from airflow.sdk import DAG\nfrom gaiaflow.tasks import FromTask, create_task\n\n"

WAYS = (
    Way(
        "No such module",
        "The module of `func_path` does not import. An error in its code or in a package looks the same. If "
        "the error may be temporary, such as a server that does not answer at import, Airflow retries the "
        "task.",
        everywhere(
            Seen(
                f"{MODULE}.nowhere does not import: ModuleNotFoundError: No module named '{MODULE}.nowhere'",
                again=False,
                real=True,
            )
        ),
        call("nowhere:f"),
    ),
    Way(
        "No such function",
        "The module has no function with that name. The error lists its functions.",
        everywhere(Seen(f"{MODULE}.fails has no function `rises`: there is {HOLE}", again=False, real=True)),
        call("fails:rises"),
    ),
    Way(
        "Wrong arguments",
        "The function does not accept the arguments of the task. `gaiaflow dag.check` finds this before a run.",
        everywhere(
            Seen(
                f"{MODULE}.fails:takes_one does not take this call: TypeError: takes_one() takes 1 positional "
                "argument but 2 were given",
                again=False,
                real=True,
            )
        ),
        call("fails:takes_one", 1, 2),
    ),
    Way(
        "An exception",
        "The function raised. `dag.run` shows your frames of the traceback, the cause, the last lines that the "
        "function printed, and the command that runs the attempt again under the debugger.",
        everywhere(raised("fails:raises", "ValueError: no rows")),
        call("fails:raises"),
    ),
    Way(
        "sys.exit",
        "The function called `sys.exit`. Even with 0 this is a failure, because there is no result.",
        everywhere(raised("fails:exits", "SystemExit: 3")),
        call("fails:exits"),
    ),
    Way(
        "os._exit",
        "The process ended without Python's normal shutdown, so there is no traceback.",
        everywhere(Seen(f"`{MODULE}.fails:leaves` exited with code 3", real=True)),
        call("fails:leaves"),
    ),
    Way(
        "A crash",
        "A segmentation fault ended the process: an extension module is broken.",
        everywhere(Seen(f"`{MODULE}.fails:segfaults` was terminated by signal 11", real=True)),
        call("fails:segfaults"),
    ),
    Way(
        "Out of memory",
        "The function used more memory than it may. In a container or pod, `resources` sets the limit. In dev "
        "the kernel kills the process if the machine has no more memory, which looks like any other kill.",
        everywhere(
            Seen(f"`{MODULE}.fails:takes_memory` was killed: it used more memory than its limit", real=True),
            dev=Seen(f"`{MODULE}.fails:takes_memory` was terminated by signal 9"),
        ),
        call("fails:takes_memory", resources={"limits": {"memory": "64Mi"}}),
    ),
    Way(
        "Killed",
        "A person, the kernel or a restart of the engine ended the process with SIGKILL.",
        everywhere(_KILLED),
        call("fails:is_killed"),
    ),
    Way(
        "A pod that is gone",
        "The pod was deleted while its function ran: its node was lost or drained, a pod with a higher "
        "priority replaced it, or a person deleted it.",
        in_pods(
            Seen(f"`{MODULE}.fails:sleeps` was stopped: its pod was deleted"),
            NO_POD,
            dev_docker=Seen(f"`{MODULE}.fails:sleeps` was stopped: its container was removed"),
        ),
        call("fails:sleeps"),
    ),
    Way(
        "A result that is not JSON",
        "The function returned a value that gaiaflow cannot pass to another task. Write it to S3 or MLflow "
        "and return its "
        "address.",
        everywhere(
            Seen(
                f"{MODULE}.fails:returns_a_set returned what is not JSON: result is a set",
                again=False,
                real=True,
            )
        ),
        call("fails:returns_a_set"),
    ),
    Way(
        "Arguments that are too large",
        "A pod gets a large call in a secret, and Kubernetes limits the size of secrets. Every mode has the "
        "same limit.",
        everywhere(
            Seen(
                f"the arguments of task `arguments_that_are_too_large` have {HOLE} KiB: a task takes at most "
                "1024 KiB",
                again=False,
                real=True,
            )
        ),
        call("fails:takes_one", "x" * 2**20),
    ),
    Way(
        "A time-out",
        "The attempt took longer than `execution_timeout`. gaiaflow ends the function and all processes that "
        "it started.",
        everywhere(Seen(f"AirflowTaskTimeout: `{MODULE}.fails:sleeps` did not end within {HOLE}", real=True)),
        call("fails:sleeps", execution_timeout=2),
    ),
    Way(
        "No such image",
        "The engine or the cluster does not have the image. `gaiaflow dev.dockerize` and "
        "`gaiaflow prodlocal.dockerize` build it; in prod the registry must have it. If a registry does not "
        "answer, Airflow retries the task.",
        in_containers(
            Seen("image `p/nowhere:1` is not in the local cluster: ErrImagePull not found", again=False),
            NO_IMAGE,
            dev_docker=Seen("image `p/nowhere:1` is not on this engine", again=False, real=True),
            prod_local=Seen(f"image `p/nowhere:1` is not in the local cluster: {HOLE}", again=False, real=True),
            prod=Seen(f"image `p/nowhere:1` is not where the cluster looks for it: {HOLE}", again=False),
        ),
        call("fails:raises", image="p/nowhere:1"),
    ),
    Way(
        "An image without Python",
        "gaiaflow did not build the image.",
        in_containers(Seen(f"image `{IMAGE}` has no `python`: {HOLE}", again=False), NO_IMAGE),
        call("fails:raises"),
    ),
    Way(
        "No such secret",
        "In a pod the secret must exist before the function starts. In dev and dev_docker the values may be "
        "in `.env` instead, so the error comes from the function.",
        everywhere(
            Seen("secret `nowhere` is not in the cluster", again=False, real=True),
            dev=raised("fails:reads_a_secret", "KeyError: 'API_KEY'"),
            dev_docker=raised("fails:reads_a_secret", "KeyError: 'API_KEY'"),
        ),
        call("fails:reads_a_secret", secrets=["nowhere"]),
    ),
    Way(
        "Quota",
        "The namespace had no room for another pod within `wait_for_room`, an hour by default. A pod that "
        "requests more than the whole quota fails at once.",
        in_pods(
            Seen(
                'the cluster refused the pod of task `quota`: pods "quota" is forbidden: exceeded quota: few, '
                "requested: pods=1, used: pods=5, limited: pods=5"
            ),
            NO_POD,
        ),
        call("fails:raises"),
    ),
    Way(
        "Namespace denied",
        "Airflow's account cannot create pods in this namespace.",
        in_pods(
            Seen(
                "the cluster refused the pod of task `namespace_denied`: pods is forbidden: "
                'User "airflow" cannot create resource "pods" in API group "" in the namespace "mine"',
                again=False,
            ),
            NO_POD,
        ),
        call("fails:raises"),
    ),
    Way(
        "No room on a node",
        "The pod waited for `wait_for_room`, an hour by default, and no node had room for it.",
        in_pods(Seen("the pod did not start: 0/1 nodes are available: 1 Insufficient memory."), NO_POD),
        call("fails:raises"),
    ),
    Way(
        "No cluster",
        "The API server does not answer.",
        in_pods(Seen(f"the cluster does not answer: {HOLE}"), "no cluster is asked"),
        call("fails:raises"),
    ),
    Way(
        "No engine",
        "The Docker engine does not answer. A minikube cluster on the same engine is then stopped too.",
        everywhere(
            Never("no engine is asked"),
            dev_docker=Seen(f"no Docker engine at `{HOLE}`: {HOLE}", real=True),
        ),
        call("fails:raises", docker={"docker_url": "tcp://127.0.0.1:9"}),
    ),
    Way(
        "No MLflow",
        "The error comes from the client in the function, which cannot reach the server. MLflow's client "
        "tries for minutes before it fails; `MLFLOW_HTTP_REQUEST_MAX_RETRIES=2` in `.env` shortens this.",
        everywhere(raised("fails:asks_mlflow", f"urllib.error.URLError: {HOLE}Connection refused{HOLE}")),
        call("fails:asks_mlflow"),
    ),
    Way(
        "Disk full",
        "The function cannot write to the disk.",
        everywhere(raised("fails:fills_the_disk", "OSError: [Errno 28] No space left on device")),
        call("fails:fills_the_disk"),
    ),
    Way(
        "A DAG file with an error",
        "The file does not import. This affects only its own DAGs.",
        everywhere(Refused("`file.py` does not import: SyntaxError: '(' was never closed", 1)),
        file=_DAG + 'with DAG("ways", schedule=None):\n    create_task("a", "parity.fails:raises"\n',
    ),
    Way(
        "A cycle",
        "Two tasks wait for each other.",
        everywhere(Refused(f"`file.py` does not import: {HOLE}Cycle detected in Dag: ways{HOLE}", 1)),
        file=_DAG + 'with DAG("ways", schedule=None):\n'
        '    create_task("a", "parity.fails:takes_one", func_args=[FromTask("b")])\n'
        '    create_task("b", "parity.fails:takes_one", func_args=[FromTask("a")])\n',
    ),
    Way(
        "Wrong conf",
        "`--conf` names a param that the DAG does not have, or gives a value that does not fit.",
        everywhere(Refused("DAG `ways` has no param `yaer` (did you mean `year`?)", 2)),
        file=_DAG + 'with DAG("ways", schedule=None, params={"year": 2026}):\n'
        '    create_task("a", "parity.fails:raises")\n',
        conf={"yaer": 2027},
    ),
)


def seen(mode: str, real: bool = False) -> Iterator[tuple[Way, Seen]]:
    """The ways in which a task of a mode fails.

    Args:
        real: those alone that are held on a real engine or cluster.
    """
    for way in WAYS:
        cell = way.cell(mode)
        if isinstance(cell, Seen) and (cell.real or not real):
            yield way, cell


def named(value: Any) -> str:
    """The id of a parameter of a test; a cell goes with its way."""
    return value.key if isinstance(value, Way) else ""


def hold(cell: Seen, outcome: Any) -> None:
    """Hold how a task of a real run ended against its cell.

    Args:
        outcome: ``kind`` and ``error``, its whole text, as Airflow's callback gives them.
    """
    first = outcome.error.splitlines()[0]
    said = first if outcome.kind in OURS else f"{outcome.kind}: {first}"
    assert fits(cell.error, said), said
    assert (FINAL_NOTE in outcome.error) is not cell.again


def fits(error: str, text: str) -> bool:
    """Whether a text is an error of the table."""
    return bool(re.fullmatch(".*".join(map(re.escape, error.split(HOLE))), text, re.DOTALL))


def tasks(mode: str, image: str) -> list[dict[str, Any]]:
    """The arguments of create_task for what is held on a real engine or cluster.

    Args:
        image: one with the functions of the tests.
    """
    return [{"task_id": way.key, "image": image, **way.task} for way, _ in seen(mode, real=True)]


_HEAD = """from datetime import timedelta

from airflow.sdk import DAG
from gaiaflow.tasks import create_task


def make(task_id, execution_timeout=None, **given):
    allowed = {"execution_timeout": timedelta(seconds=execution_timeout)} if execution_timeout else {}
    create_task(task_id, **given, **allowed)


with DAG("ways", schedule=None):
"""


def dag_file(mode: str, retries: int = 1) -> str:
    """A DAG `ways` with a task for each way of a mode."""
    tasks = {way.key: {"image": IMAGE, **way.task, "retries": retries} for way, _ in seen(mode)}
    return _HEAD + "".join(f"    make({name!r}, **{given!r})\n" for name, given in tasks.items())


# The page


def table() -> str:
    """The overview, and a section for each way."""
    rows = [
        f"| [{way.name}](#{way.anchor}) | {' | '.join(_mark(way.cell(mode)) for mode in MODES)} |"
        for way in WAYS
    ]
    head = f"| what fails | {' | '.join(MODES)} |\n|---|{'---|' * len(MODES)}"
    return "\n".join([head, *rows]) + "\n\n" + "\n\n".join(map(_section, WAYS))


def _mark(cell: Cell) -> str:
    if isinstance(cell, Never):
        return "-"
    if isinstance(cell, Refused):
        return "not started"
    return "tried again" if cell.again else "1 attempt"


def _section(way: Way) -> str:
    by_cell: dict[Cell, list[str]] = {}
    for mode in MODES:
        by_cell.setdefault(way.cell(mode), []).append(mode)
    lines = [f"- {_in(modes)}: {_words(cell)}" for cell, modes in by_cell.items()]
    return f"### {way.name}\n\n{way.what}\n\n" + "\n".join(lines)


def _in(modes: list[str]) -> str:
    return "in every mode" if len(modes) == len(MODES) else ", ".join(f"`{mode}`" for mode in modes)


def _words(cell: Cell) -> str:
    if isinstance(cell, Never):
        return f"cannot happen: {cell.why}."
    text = re.sub(rf"\b{MODULE}\b", SHOWN_AS, cell.error)
    shown = f"`` {text} ``" if "`" in text else f"`{text}`"
    if isinstance(cell, Refused):
        return f"{shown}; exit code {cell.code}, nothing is started."
    return f"{shown}; {'tried again' if cell.again else 'not tried again'}."
