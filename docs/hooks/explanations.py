"""Two sentences on each of the most common errors: what it means, and what to do."""

from __future__ import annotations

from messages import USERS, cell, listed

from gaiaflow.explained import EXPLAINED
from gaiaflow.lifecycle.terminal.called import renamed

# By the anchor, to which the error itself leads the user.
EXPLANATIONS = {
    "no-project": (
        "Commands work on the project of the current folder, which a table `[tool.gaiaflow]` in "
        "`pyproject.toml` marks. Go to your project's folder, or make a project: `gaiaflow project.new` for "
        "a new one, `gaiaflow project.adopt` where there is code."
    ),
    "airflow-is-not-running": (
        "The command needs the stack's Airflow, which is stopped. Start it, or use `gaiaflow dag.test`, "
        "which needs no services."
    ),
    "port-is-taken": (
        "Another program listens on a port that the service would use; often it is the stack of another "
        "project. `--auto-ports` takes the next free port, and the table at the end says which."
    ),
    "still-starting": (
        "Nothing failed: the service continues to start after the command has ended with exit code 4. On a "
        "slow machine wait longer with `gaiaflow dev.start --wait 600`."
    ),
    "exited-during-startup": (
        "The last lines of its log are in the message, and the cause is nearly always among them. Frequent "
        "causes are a full disk, too little memory, and settings in `.env` that the service does not "
        "accept."
    ),
    "another-command": (
        "One command at a time may start or stop the stack of a project. Look for another terminal or a CI "
        "job that works on the same folder, and repeat the command when it has ended."
    ),
    "other-backend": (
        "The stack has two backends, processes and Docker, and each keeps its own data. A start on the "
        "other one would begin with empty services, so it asks first."
    ),
    "no-docker-engine": (
        "Docker is not installed, not started, or your Docker context names another engine; `docker context "
        "ls` shows which. Mode `dev` needs no Docker."
    ),
    "docker-permission": (
        "The engine runs, but your user may not use it. Join the group `docker` or use rootless Docker, and "
        "do not change the rights of the socket."
    ),
    "no-environment": (
        "Functions run in the project's own environment, which the first `gaiaflow dev.start` makes. It is "
        "also missing after `gaiaflow dev.cleanup`, or if the project was moved."
    ),
    "no-such-dag": (
        "No file in `dags/` defines a DAG with this id. It is misspelt, or its file does not import. `gaiaflow "
        "dag.list` shows the ids and the files with errors."
    ),
    "file-not-read": (
        "Airflow reads DAG files in the background, and it has not read this one yet. A file that "
        "computes or downloads at import slows all others; `gaiaflow dag.check` measures it."
    ),
    "param-does-not-fit": (
        "The value has another type than the param, or is outside its limits, so no run was started. "
        "`--conf` is JSON: a number has no quotes, a text has double quotes."
    ),
    "no-such-param": (
        "`--conf` names a param that `params` of the DAG does not have, so no run was started. Check the "
        "spelling, or add it to the DAG with a default."
    ),
    "run-not-finished": (
        "Only the command has ended; the run continues in Airflow. Follow it with `gaiaflow dag.watch`."
    ),
    "date-is-taken": (
        "Airflow allows one run of a DAG for each logical date. Run the existing one again with `gaiaflow "
        "dag.recover`, or leave `--date` out."
    ),
    "no-image-on-this-machine": (
        "`dev_docker` and pods run the project's image, and it was not built or was removed. Build it again "
        "after each edit of your code, too."
    ),
    "no-image-named": (
        "A container or pod is made from an image, and the task names none. The stack's Airflow has the "
        "project's image in `GAIAFLOW_IMAGE`; in production the admin sets it, to what `gaiaflow prod.push` "
        "printed."
    ),
    "image-not-on-engine": (
        "The task names an image that the Docker engine does not have, and gaiaflow pulls none by itself. "
        "Build it, or `docker pull` it if it comes from a registry."
    ),
    "cluster-does-not-answer": (
        "The cluster is stopped, or the machine was asleep, or a VPN changed the way to it. `gaiaflow "
        "prodlocal.status` shows its state, and a start keeps everything that is in it."
    ),
    "no-local-cluster": (
        "A task runs in mode `prod_local`, but the project has no cluster yet or it was deleted. Start one, "
        "or run the DAG in another mode."
    ),
    "no-minikube": (
        "Mode `prod_local` makes a cluster on your machine with minikube. Install it, or name a cluster "
        "that you have: `gaiaflow prodlocal.start --context NAME`."
    ),
    "no-secret": (
        "The task names a secret that does not exist in the namespace where its pod would run. Each mode "
        "has its own store, so a secret of `dev` must be created for `prod_local` too."
    ),
    "no-result": (
        "The process ended before the runner could write the result: it was killed, often for lack of "
        "memory, or the function called `os._exit`. Look at the log, and give the task more memory with "
        "`resources`."
    ),
    "arguments-not-json": (
        "Arguments are JSON in every mode, and one of them is not. Pass numbers, text, lists and dicts, and "
        "larger data by its address."
    ),
}


def explained() -> str:
    """A table: a message, which leads to its row in the catalogue, and its explanation.

    Raises:
        KeyError: a message that the code does not raise, or one without an explanation.
    """
    rows = {" ".join(m.text.split()): anchor for anchor, m in reversed(listed())}
    lines = [_row(anchor, renamed(text, USERS), rows) for anchor, text in EXPLAINED.items()]
    return "\n".join(["| error | what it means, and what to do |", "| --- | --- |", *lines])


def _row(anchor: str, text: str, rows: dict[str, str]) -> str:
    return f'| <a id="{anchor}"></a>[{cell(text)}](#{rows[text]}) | {EXPLANATIONS[anchor]} |'
