"""Two sentences on each of the errors that users meet most: what it means, and what to do."""

from __future__ import annotations

from messages import USERS, cell, listed

from gaiaflow.lifecycle.terminal.called import renamed

# The text of a message, as the catalogue has it, and what explains it.
EXPLAINED = {
    "no project in `<here>` or above it: no pyproject.toml with [tool.gaiaflow]": (
        "Commands work on the project of the current folder, which a table `[tool.gaiaflow]` in "
        "`pyproject.toml` marks. Go to your project's folder, or make a project: `gaiaflow project.new` for "
        "a new one, `gaiaflow project.adopt` where there is code."
    ),
    "Airflow is not running": (
        "The command needs the stack's Airflow, which is stopped. Start it, or use `gaiaflow dag.test`, "
        "which needs no services."
    ),
    "port <taken> of `<name>` is taken by <by>": (
        "Another program listens on a port that the service would use; often it is the stack of another "
        "project. `--auto-ports` takes the next free port, and the table at the end says which."
    ),
    "`<service>` does not answer yet at <url><health>; it is still starting, <parts>": (
        "Nothing failed: the service goes on starting after the command has ended with exit code 4. On a "
        "slow machine wait longer with `gaiaflow dev.start --wait 600`."
    ),
    "`<name>` exited during startup; what this command started is stopped. Its last lines: <output>": (
        "The last lines of its log are in the message, and the cause is nearly always among them. Frequent "
        "causes are a full disk, too little memory, and settings in `.env` that the service does not "
        "accept."
    ),
    "another `inv dev` works on this stack": (
        "One command at a time may start or stop the stack of a project. Look for another terminal or a CI "
        "job that works on the same folder, and repeat the command when it has ended."
    ),
    "the project has its data on the backend `<last>`": (
        "The stack has two backends, processes and Docker, and each keeps its own data. A start on the "
        "other one would begin with empty services, so it asks first."
    ),
    "no Docker engine answers: <cause>": (
        "Docker is not installed, not started, or your Docker context names another engine; `docker context "
        "ls` shows which. Mode `dev` needs no Docker."
    ),
    "the Docker engine refuses this user: permission denied on its socket": (
        "The engine runs, but your user may not use it. Join the group `docker` or use rootless Docker, and "
        "do not change the rights of the socket."
    ),
    "no Python at `<python>`: the project's environment is not made": (
        "Functions run in the project's own environment, which the first `gaiaflow dev.start` makes. It is "
        "also missing after `gaiaflow dev.cleanup`, or if the project was moved."
    ),
    "no file in <dags> makes a DAG `<name>`": (
        "No file in `dags/` makes a DAG of this id: it is misspelt, or its file does not import. `gaiaflow "
        "dag.list` shows the ids and the files with errors."
    ),
    "Airflow has not read the file of DAG `<name>` since it was changed or Airflow was started": (
        "Airflow reads DAG files in the background, and this one did not come up in time. A file that "
        "computes or downloads at import slows all others; `gaiaflow dag.check` measures it."
    ),
    "`<name>` of `--conf` does not fit DAG `<dag>`: <answer>": (
        "The value has another type than the param, or is outside its limits, so no run was started. "
        "`--conf` is JSON: a number has no quotes, a text has double quotes."
    ),
    "DAG `<dag>` has no param `<name>`": (
        "`--conf` names a param that `params` of the DAG does not have, so no run was started. Check the "
        "spelling, or add it to the DAG with a default."
    ),
    "run `<run>` of `<dag>` has not finished after <wait> s; it continues": (
        "Only the command has ended, the run goes on in Airflow. Follow it with `gaiaflow dag.watch`."
    ),
    "DAG `<dag>` has a run of <date>: `<other>`": (
        "Airflow allows one run of a DAG for each logical date. Run the existing one again with `gaiaflow "
        "dag.recover`, or leave `--date` out."
    ),
    "no image `<image>` on this machine": (
        "`dev_docker` and pods run the project's image, and it was not built or was removed. Build it again "
        "after each edit of your code, too."
    ),
    "mode `<mode>` needs an image, and neither `image` nor `GAIAFLOW_IMAGE` is set": (
        "A container or pod is made from an image, and the task names none. The stack's Airflow has the "
        "project's image in `GAIAFLOW_IMAGE`; in production the admin sets it, to what `gaiaflow prod.push` "
        "printed."
    ),
    "image `<image>` is not on this engine": (
        "The task names an image that the Docker engine does not have, and gaiaflow pulls none by itself. "
        "Build it, or `docker pull` it if it comes from a registry."
    ),
    "the cluster `<cluster>` does not answer: <cause>": (
        "The cluster is stopped, or the machine was asleep, or a VPN changed the way to it. `gaiaflow "
        "prodlocal.status` shows its state, and a start keeps everything that is in it."
    ),
    "no local cluster: <named>": (
        "A task runs in mode `prod_local`, but the project has no cluster yet or it was deleted. Start one, "
        "or run the DAG in another mode."
    ),
    "`minikube` is not on PATH": (
        "Mode `prod_local` makes a cluster on your machine with minikube. Install it, or name a cluster "
        "that you have: `gaiaflow prodlocal.start --context NAME`."
    ),
    "secret `<name>` is not in the cluster": (
        "The task names a secret that does not exist in the namespace where its pod would run. Each mode "
        "has its own store, so a secret of `dev` must be created for `prod_local` too."
    ),
    "`<function>` ended without a result": (
        "The process ended before the runner could write the result: it was killed, often for lack of "
        "memory, or the function called `os._exit`. Look at the log, and give the task more memory with "
        "`resources`."
    ),
    "task `<task>` cannot pass its arguments to `<function>`: <problem>": (
        "Arguments are JSON in every mode, and one of them is not. Pass numbers, text, lists and dicts, and "
        "larger data by its address."
    ),
}


def explained() -> str:
    """A table: a message, which leads to its row in the catalogue, and its explanation.

    Raises:
        KeyError: a message that the code does not raise.
    """
    rows = {" ".join(m.text.split()): anchor for anchor, m in reversed(listed())}
    told = {renamed(text, USERS): why for text, why in EXPLAINED.items()}
    lines = [f"| [{cell(text)}](#{rows[text]}) | {why} |" for text, why in told.items()]
    return "\n".join(["| error | what it means, and what to do |", "| --- | --- |", *lines])
