"""The whole texts of errors: names that nobody knows or that are none."""

from __future__ import annotations

import pytest

from gaiaflow.dags import name as dagid
from gaiaflow.endpoints import service_names
from gaiaflow.infra.cluster import secretstore
from gaiaflow.infra.cluster.preflight import Wanted
from gaiaflow.infra.host import environment
from gaiaflow.infra.images import image, registry
from gaiaflow.project import Project
from gaiaflow.projects import scaffold
from gaiaflow.stack import backends
from gaiaflow.stack.services import executor
from tests.error_case import Case, hold, text_of

CASES = [
    Case(
        lambda _: service_names(["mlfow"]),
        2,
        "unknown service `mlfow` (did you mean `mlflow`?)",
        "one of s3, mlflow, airflow, jupyter, model, minio, all",
    ),
    Case(
        lambda p: backends.choose(p, "dokcer"),
        2,
        "unknown backend `dokcer` (did you mean `docker`?)",
        "one of auto, embedded, docker",
    ),
    Case(
        lambda p: environment.ensure_environment(p, "airflwo"),
        2,
        "unknown environment `airflwo`",
        "one of airflow, services, project, jupyter, conda",
    ),
    Case(
        lambda _: executor.checked("kubernets"),
        2,
        "`kubernets` is no executor (did you mean `kubernetes`?)",
        "--executor local or kubernetes",
    ),
    Case(
        lambda _: Wanted.parse("", "", "dokcer", ""),
        2,
        "unknown driver `dokcer` (did you mean `docker`?)",
        "--driver docker",
    ),
    Case(
        lambda _: scaffold.check_answers({"environment": "cnda"}),
        2,
        "unknown environment `cnda` (did you mean `conda`?)",
        "one of uv, pixi, conda",
    ),
    Case(
        lambda _: dagid.checked("a b"),
        2,
        "`a b` is no id of a DAG: letters, digits, `_`, `.` and `-`",
        "inv dag.list",
    ),
    Case(
        lambda _: image._checked_name("A b"),
        2,
        "`A b` is no name for an image",
        "--image my-project/my-package:1.0",
    ),
    Case(
        lambda _: registry.Reference.parse("A b"),
        2,
        "`A b` is no name of an image",
        "registry.example.org/team/image:tag",
    ),
    Case(
        lambda _: secretstore.check("A", {"K": "v"}),
        2,
        "`A` is no name of a secret: lower case letters, digits, dashes, dots",
        "my-secret",
    ),
    Case(
        lambda _: secretstore.check("a", {}),
        2,
        "no values for the secret `a`",
        "inv secret.create a --from-env-file FILE",
    ),
    Case(
        lambda _: secretstore.check("a", {"a b": "1"}),
        2,
        "`a b` cannot be the name of an environment variable",
        "letters, digits and _",
    ),
    Case(
        lambda _: secretstore.check("a", {"B": "x" * 2**20}),
        2,
        "the secret `a` has 1048577 bytes: more than 1048576",
        "split it in two",
    ),
    Case(
        lambda _: secretstore.parse("A=1\n=2\n", "stdin"),
        2,
        "line 2 of stdin is not KEY=VALUE",
        "KEY='value', one a line",
    ),
    Case(
        lambda p: secretstore.FileStore(p).delete("keys"),
        3,
        "no secret `keys` in {root}/.gaiaflow/secrets",
        "inv secret.list",
    ),
    Case(
        lambda p: secretstore.read_file(p.root / "none"),
        3,
        "cannot read `{root}/none`: No such file or directory",
        "--from-env-file FILE",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=text_of)
def test_an_error_says_this_and_no_more(case: Case, project: Project) -> None:
    hold(case, project)
