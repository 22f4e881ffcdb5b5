"""The checks: `make test` runs tests, tests_airflow, integration, e2e and dag_tests; CI adds lint and types."""

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_external_run = True

# Each process of a stack would compile its packages again, which takes it twice as long to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
LOCKS = ROOT / "gaiaflow" / "infra" / "locks"
# This file runs without gaiaflow; a test compares the list with gaiaflow.modes.Mode.
MODES = ("dev", "dev_docker", "prod_local", "prod")
AIRFLOW_MINORS = ("3.1", "3.2", "3.3")
# What the modes of dag_tests need: MLflow for containers and pods, an image of each project, one cluster.
PREPARE = (
    (".", "dev.start", "--backend", "docker", "--service", "mlflow", "--with", "dev_docker", "--auto-ports"),
    (".", "dev.dockerize"),
    (".", "prodlocal.start", "--cluster-only"),
    (".", "prodlocal.dockerize"),
    ("tests/dags", "dev.dockerize"),
    ("tests/dags", "prodlocal.start", "--cluster-only"),
    ("tests/dags", "prodlocal.dockerize"),
    ("tests/dags", "prodlocal.push-data"),
)
PUT_AWAY = ((".", "prodlocal.stop"), (".", "dev.stop"))


def install(session: nox.Session, *locks: str, tests: str = "requirements") -> None:
    """Pinned and hash-checked packages, and gaiaflow from this tree."""
    files = [LOCKS / f"{name}.txt" for name in locks]
    for file in (*files, ROOT / "tests" / f"{tests}.txt"):
        session.install("--quiet", "--require-hashes", "-r", str(file))
    session.env["PYTHONPATH"] = str(ROOT)


FILES = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")
# Two that wait more than they work; conftest.py says what has to be tested by one worker.
GROUPS = ("-n", "2", "--dist", "loadscope")


def pytest(session: nox.Session, *folders: str, workers: tuple[str, ...] = ()) -> None:
    session.run("python", "-m", "pytest", "--durations=10", *(session.posargs or (*workers, *folders)))


def airflow_python(session: nox.Session) -> str:
    """The interpreter of this clone's environment with Airflow, made when it is missing."""
    code = (
        "from gaiaflow.infra.environments.environment import ensure_environment; "
        "from gaiaflow.project import Project; "
        "print(ensure_environment(Project.find(), 'airflow'))"
    )
    return str(session.run("python", "-c", code, silent=True)).strip().splitlines()[-1]


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, its formatter too."""
    install(session, "tools")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over the package."""
    install(session, "tools")
    session.run("mypy")


@nox.session
def workflows(session: nox.Session) -> None:
    """Our workflows and the template's: GitHub's schema, pinned actions, no long-lived key, zizmor."""
    install(session, "tools", tests="workflow-requirements")
    pytest(session, "tests/workflows")


@nox.session
def tests(session: nox.Session) -> None:
    """Unit tests: offline, no Airflow."""
    install(session, "tools")
    pytest(session, "tests/unit", workers=FILES)


@nox.session
def check(session: nox.Session) -> None:
    """After a small change: ruff, mypy, and the unit tests of what differs from main."""
    lint(session)
    types(session)
    chosen = str(session.run("python", str(ROOT / ".ci" / "changed.py"), silent=True)).split()
    pytest(session, *chosen, workers=FILES)


@nox.session
def tests_airflow(session: nox.Session) -> None:
    """The factory and its operators inside Airflow's environment; each pod by Kubernetes' own schemas."""
    install(session, "airflow")
    session.install("--quiet", "--require-hashes", "-r", str(ROOT / "tests" / "pod-requirements.txt"))
    pytest(session, "tests/airflow", workers=FILES)


@nox.session
def integration(session: nox.Session) -> None:
    """The stack, an engine and a cluster for real; what is missing is skipped by name."""
    install(session, "tools")
    session.env["GAIAFLOW_AIRFLOW_PYTHON"] = airflow_python(session)
    pytest(session, "tests/integration", workers=GROUPS)


# What a row of docs/reference/compatibility.md counts, by folder; the matrix of the modes is counted by cells.
COMPATIBILITY = ("tests/integration", "tests/faults")
KUBERNETES = ("1.37", "1.34")


@nox.session
def compatibility(session: nox.Session) -> None:
    """By hand, and each night: integration, matrix and faults on this engine with each Kubernetes, a row each.

    `nox -s compatibility -- 1.34` takes one Kubernetes; `-- 1.34 tests/integration/test_cluster.py` a part of
    the tests, which the row says. For another engine, run it again there.
    """
    install(session, "tools")
    session.env["GAIAFLOW_AIRFLOW_PYTHON"] = airflow_python(session)
    wanted = [word for word in session.posargs if word[0].isdigit()] or KUBERNETES
    parts = [word for word in session.posargs if not word[0].isdigit()]
    for version in wanted:
        reports = ROOT / "artefacts" / "compatibility" / version
        shutil.rmtree(reports, ignore_errors=True)
        session.env["GAIAFLOW_KUBERNETES"] = version
        for number, folder in enumerate(parts or COMPATIBILITY):
            report = f"--junitxml={reports / f'{number}.xml'}"
            # A test that fails is counted; the row says so.
            session.run("python", "-m", "pytest", folder, report, *GROUPS, success_codes=[0, 1])
        if not parts:
            matrix = ("--artefacts", str(reports))
            session.run("python", "-m", "gaiaflow.testing.matrix", *matrix, success_codes=[0, 1])
        session.run("python", str(ROOT / "tests" / "compatibility.py"), version, str(reports), *parts)


@nox.session
def faults(session: nox.Session) -> None:
    """What breaks, and that it recovers; `GAIAFLOW_FULL_FAULTS=1` tries all of it, CI a part."""
    install(session, "tools")
    pytest(session, "tests/faults")


@nox.session
def conformance(session: nox.Session) -> None:
    """The DAGs of others on their own stack: `-- embedded`, `docker` or `kubernetes`, `--json FILE`.

    These are Airflow's examples; `docker-provider` and `kubernetes-provider` are the system DAGs of providers.
    """
    install(session, "tools")
    session.run("python", str(ROOT / "tests" / "conformance" / "run.py"), *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """By hand, or each night: a stack under work, which may not grow: `-- --minutes 60 --backend docker`.

    `--json docs/soak.json` keeps the samples for the page.
    """
    install(session, "tools")
    session.run("python", str(ROOT / "tests" / "soak" / "run.py"), *session.posargs)


@nox.session
@nox.parametrize("part", ("unit", "airflow"))
def mutation(session: nox.Session, part: str) -> None:
    """By hand, and each night: small changes of the code, and those that no test notices.

    `-- --sample 200 --target ports` tries more changes of one target; `--json docs/mutation.json` keeps them.
    """
    install(session, {"unit": "tools"}.get(part, part))
    for more in ("mutation", "pod") if part == "airflow" else ("mutation",):
        session.install("--quiet", "--require-hashes", "-r", str(ROOT / "tests" / f"{more}-requirements.txt"))
    session.run("python", str(ROOT / "tests" / "mutation.py"), part, *session.posargs)


@nox.session
def security(session: nox.Session) -> None:
    """Bad input, open ports, files, a canary secret, and what scanners say; see docs/threat-model.md.

    The scanners: bandit, zizmor, and pip-audit where an advisory service answers. With `GAIAFLOW_FULL_FAULTS=1`
    the fuzzers run for ten minutes.
    """
    install(session, "tools", tests="security-requirements")
    pytest(session, "tests/security", "tests/workflows/test_zizmor.py")


@nox.session
def e2e(session: nox.Session) -> None:
    """The example on the Compose stack, seen in a browser too; screenshots stay in artefacts/screenshots."""
    install(session, "tools", tests="e2e-requirements")
    pytest(session, "tests/e2e")


@nox.session
def dag_tests(session: nox.Session) -> None:
    """The same DAGs in every mode, compared: `nox -s dag_tests -- --modes dev,prod_local --dag NAME`.

    It uses the stack, the images and the cluster that are there; `GAIAFLOW_PREPARE_MODES=1` makes them first.
    """
    install(session, "tools")
    prepare = bool(os.environ.get("GAIAFLOW_PREPARE_MODES"))
    if prepare:
        profile = os.environ.get("GAIAFLOW_PROFILE", "gaiaflow-dag-tests")
        session.env["GAIAFLOW_PROFILE"] = profile  # one cluster for both projects
    try:
        for folder, *command in PREPARE if prepare else ():
            inv(session, folder, *command)
        session.run("python", "-m", "gaiaflow.testing.matrix", *session.posargs)
    finally:
        for folder, *command in PUT_AWAY if prepare else ():
            inv(session, folder, *command)


def inv(session: nox.Session, folder: str, *command: str) -> None:
    """A lifecycle task of the project in a folder."""
    with session.chdir(folder):
        session.run("python", "-m", "invoke", "--search-root", str(ROOT), *command)


@nox.session
@nox.parametrize("minor", AIRFLOW_MINORS)
def dag_tests_airflow(session: nox.Session, minor: str) -> None:
    """One Airflow minor, in an environment of its own: what we read of it, the matrix in dev and rendered."""
    packages = ROOT / "tests" / "locks" / f"airflow-{minor}.txt"
    session.install("--quiet", "--require-hashes", "-r", str(packages))
    session.env["PYTHONPATH"] = str(ROOT)
    # The database of one minor is of no use to another: it lives and goes with the environment.
    home = Path(session.virtualenv.location) / "airflow"
    session.run("python", "-m", "unittest", "tests/airflow/test_internals.py", env={"AIRFLOW_HOME": str(home)})
    options = ["--home", str(home), "--artefacts", str(ROOT / "artefacts" / f"airflow-{minor}")]
    options += ["--project", str(ROOT / "tests" / "dags"), "--modes", "dev,prod"]
    session.run("python", "-m", "gaiaflow.testing.matrix", "--here", *options, *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """The sdist and the wheel in dist/; the installed wheel has its version and its types."""
    install(session, "tools")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("uv", "build", "--quiet", "--out-dir", str(dist), str(ROOT))
    (wheel,) = dist.glob("*.whl")
    session.install("--quiet", "--no-deps", str(wheel))
    code = (
        "import gaiaflow; from importlib import metadata, resources; "
        "assert metadata.version('gaiaflow') == gaiaflow.__version__; "
        "assert resources.files('gaiaflow').joinpath('py.typed').is_file()"
    )
    session.run("python", "-I", "-c", code)


@nox.session
def lock(session: nox.Session) -> None:
    """Compile the locks: `-- --upgrade` for new versions, `-- FILE` for one; `.ci/lock.py` has the table."""
    install(session, "tools")
    session.run("python", str(ROOT / ".ci" / "lock.py"), *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The pages in artefacts/site, built strictly and offline; `-- serve` shows them.

    `-- generate` writes what comes from the code into the pages.
    """
    install(session, "tools")
    if session.posargs == ["generate"]:
        session.run("python", str(ROOT / "docs" / "hooks" / "generate.py"))
        return
    session.install("--quiet", "--require-hashes", "-r", str(ROOT / "docs" / "requirements.txt"))
    # Both locks hold MkDocs below 2, which is what these lines warn about.
    session.env.update({"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"})
    session.run("mkdocs", *(session.posargs or ("build", "--strict", "--quiet")))


@nox.session
def bench(session: nox.Session) -> None:
    """Figures as ratios in one run: `nox -s bench -- scale --json FILE`; `-- plot` draws the curves."""
    install(session, "airflow")
    if session.posargs == ["plot"]:
        session.install("--quiet", "--require-hashes", "-r", str(ROOT / "bench" / "requirements.txt"))
        kept, images = ROOT / "docs" / "benchmarks.json", ROOT / "docs" / "images"
        session.run("python", str(ROOT / "bench" / "plot.py"), str(kept), str(images))
        return
    session.run("python", str(ROOT / "bench" / "run.py"), *session.posargs)
