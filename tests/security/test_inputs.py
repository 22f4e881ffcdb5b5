"""Whatever a person or a file says: a GaiaflowError or a result, never a crash, and never code or structure."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from evidence import Evidence
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st

from gaiaflow import runner
from gaiaflow.errors import GaiaflowError, UsageError
from gaiaflow.infra.cluster import secretstore
from gaiaflow.infra.host import envfile as taskenv
from gaiaflow.infra.images import image
from gaiaflow.project import Project, slug
from gaiaflow.stack.composed import handover
from gaiaflow.stack.services import s3
from gaiaflow.stack.services.keys import Keys
from gaiaflow.tasks import FromTask

TRIES = int(os.environ.get("GAIAFLOW_EXAMPLES", "150"))
settings.register_profile(
    "inputs",
    max_examples=TRIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("inputs")

# What has meant something to a shell, to YAML, to Jinja, to an environment, to a label or to a path.
EVIL = [
    *("$(touch /tmp/pwned)", "`id`", "; rm -rf ~", "&& id", "| sh", "${HOME}", "$$", "%(x)s", "%n", "#", "="),
    *("{{ 7 * 7 }}", "{% import os %}", "{{ var.value.x }}", "!!python/object/apply:os.system ['id']"),
    *("&a *a", "- x: y", "a: b\nc: d", "'", '"', "\\", "\n", "\r\n", "\0", "a\nB=1", "x\x1b[31m", " ", ""),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "-",
        "--help",
        "--volume=/:/host",
        "é",
        "\u202e",
        "\ud800",
        "a" * 5000,
    ),
    *("None", "null", "1e400"),
]


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


text = st.text() | st.sampled_from(EVIL) | st.tuples(st.sampled_from(EVIL), st.text()).map("".join)
sendable = text.filter(_encodes)
plain_text = sendable.filter(lambda value: "\0" not in value)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_value = st.recursive(
    st.none() | st.booleans() | numbers | sendable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(sendable, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose function gives back what it gets."""
    root = tmp_path_factory.mktemp("inputs")
    (root / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    (root / "mirror.py").write_text("def back(*args, **kwargs):\n    return [list(args), kwargs]\n")
    return root


# What the row of each test says was tried.
TRIED = {
    "the call and its result": ("test_any_call", "test_arguments", "test_the_runner"),
    "FromTask": ("test_from_task", "test_a_key_is_picked"),
    "`.env` and files of secrets": ("test_any_dotenv", "test_any_secret_file", "test_a_secret_comes_back"),
    "`[tool.gaiaflow]` and pyproject.toml": ("test_any_table", "test_any_pyproject"),
    "names of secrets, images, DAGs, containers, pods": (
        *("test_a_name_of_a_secret", "test_a_slug", "test_an_image_name", "test_an_id_of_a_dag"),
        *("test_a_container_has", "test_a_pod_has", "test_kubernetes_expands"),
    ),
    "`--conf`": ("test_conf",),
    "files that are rendered": ("test_an_env_file", "test_the_stores_configuration"),
}


@pytest.fixture(autouse=True)
def noted(request: pytest.FixtureRequest, evidence: Evidence) -> None:
    """It counts only when the test has passed."""
    name = request.node.originalname
    (what,) = [what for what, starts in TRIED.items() if name.startswith(starts)]
    held = "a GaiaflowError or a result; what went in came out as it was; nothing ran"
    evidence.add("input", f"hypothesis: {what}", held)


# The call


@given(st.text() | json_value.map(json.dumps) | st.binary().map(lambda b: b.decode("latin-1")))
@example('{"protocol": 1, "function": "os:system", "args": "x"}')
@example('{"protocol": 1, "function": ["a"], "args": {}}')
@example('{"protocol": 1, "function": "a:b", "kwargs": 5}')
@example('{"protocol": 1, "function": "a:b", "kwargs": [1]}')
@example('{"protocol": 2, "function": "a:b", "params": 5}')
@example('{"protocol": 2, "function": "a:b", "from_run": "x"}')
@example("[" * 100_000)
def test_any_call_is_read_or_refused(call: str) -> None:
    try:
        module, name, args, kwargs, params, from_run = runner.read_call({runner.CALL: call})
    except runner.Failure as failure:
        assert str(failure).startswith("the call cannot be read: ")
        assert "\n" not in str(failure)
    else:
        assert isinstance(args, list)
        assert [type(part) for part in (kwargs, params, from_run)] == [dict] * 3
        assert module
        assert name


@given(json_value, st.dictionaries(sendable, json_value, max_size=3))
def test_arguments_come_back_as_they_went(folder: Path, value: Any, kwargs: dict[str, Any]) -> None:
    path, before = folder / "result.json", list(sys.path)
    call = {"protocol": 1, "function": "mirror:back", "args": [value], "kwargs": kwargs, "params": {}}
    environ = {runner.CALL: json.dumps(call), runner.RESULT_FILE: str(path), runner.CODE: str(folder)}
    os.environ[runner.RESULT_FILE] = str(path)
    try:
        runner.run(environ)
    finally:
        del os.environ[runner.RESULT_FILE]
        sys.path[:] = before
    kwargs.setdefault("params", {})
    assert json.loads(path.read_text()) == [[value], kwargs]


@given(st.dictionaries(plain_text.filter(lambda k: k and "=" not in k), plain_text, max_size=4))
def test_the_runner_renames_only_what_is_a_secret(environ: dict[str, str]) -> None:
    before = dict(environ)
    runner.apply_secrets(environ)
    untouched = {k: v for k, v in before.items() if not k.startswith(runner.SECRET)}
    renamed = {k.removeprefix(runner.SECRET) for k in before if k.startswith(runner.SECRET)}
    assert {k: v for k, v in environ.items() if k in untouched and k not in renamed} == {
        k: v for k, v in untouched.items() if k not in renamed
    }


# FromTask


@given(st.none() | st.integers() | text, st.none() | text)
def test_from_task_takes_an_id_or_refuses(task: Any, key: Any) -> None:
    try:
        found = FromTask(task, key)
    except UsageError:
        assert not (isinstance(task, str) and task)
    else:
        assert found.task == task
        assert task in str(found)


@given(json_value, text)
def test_a_key_is_picked_or_named(value: Any, key: str) -> None:
    reference = FromTask("upstream", key)
    try:
        assert reference._pick(value) == value[key]
    except GaiaflowError as error:
        assert "upstream" in error.message


# Files


@given(st.binary() | sendable.map(str.encode))
@example(b"\xff\xfe")
@example(b"A='\nB=$(touch /tmp/pwned)\nC=${A}")
def test_any_dotenv_is_read_or_refused(folder: Path, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    project = Project.find(folder)
    try:
        found = project.dotenv
        project.setting("GAIAFLOW_IMAGE", "")
    except UsageError as error:
        assert ".env" in error.message
    else:
        assert all(isinstance(value, str) for value in found.values())
    finally:
        (folder / ".env").unlink()


@given(st.binary() | sendable.map(str.encode))
def test_any_secret_file_is_read_or_refused(folder: Path, content: bytes) -> None:
    file = folder / "secret.env"
    file.write_bytes(content)
    try:
        values = secretstore.read_file(file)
        secretstore.check("a-secret", values)
    except GaiaflowError as error:
        for line in content.decode(errors="replace").splitlines():
            value = line.partition("=")[2].strip()
            assert len(value) < 8 or value not in error.message
    else:
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in values)


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), plain_text, max_size=4))
def test_a_secret_comes_back_as_it_went(folder: Path, values: dict[str, str]) -> None:
    """No value makes another variable, and none is expanded."""
    file = taskenv.write_variables(folder / "kept" / "values.env", values)
    assert secretstore.read_file(file) == values
    from dotenv import dotenv_values

    assert dotenv_values(file, interpolate=False) == values


@given(text)
def test_a_name_of_a_secret_is_no_path(name: str) -> None:
    try:
        secretstore.check(name, {"A": "b"})
    except UsageError:
        return
    assert "/" not in name
    assert not name.startswith((".", "-"))


toml_value = st.recursive(
    st.booleans() | st.integers() | plain_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "source", "dags", "lock", "image", "allowed_contexts"]) | plain_text,
        toml_value,
        max_size=3,
    )
)
@example({"source": "\0"})
@example({"source": "../../../../.."})
@example({"name": "x\n  evil: yes"})
def test_any_table_is_read_or_refused(folder: Path, table: dict[str, Any]) -> None:
    lines = ["[tool.gaiaflow]", *(f"{json.dumps(key)} = {_toml(value)}" for key, value in table.items())]
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n")
    try:
        project = Project.find(folder)
    except UsageError:
        return
    finally:
        (folder / "pyproject.toml").write_text("[tool.gaiaflow]\n")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", project.name)
    assert not re.search(r"[\x00-\x1f]", str(project.source) + str(project.dags) + str(project.lock))


@given(st.binary())
def test_any_pyproject_is_read_or_refused(folder: Path, content: bytes) -> None:
    (folder / "pyproject.toml").write_bytes(content)
    try:
        Project.find(folder)
    except GaiaflowError:
        pass
    finally:
        (folder / "pyproject.toml").write_text("[tool.gaiaflow]\n")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


# Names


@given(text)
def test_a_slug_is_a_name_everywhere(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug(name))


@given(text)
def test_an_image_name_is_no_option(name: str) -> None:
    try:
        checked = image._checked_name(name)
    except UsageError:
        return
    assert re.match(r"[a-z0-9]", checked)
    assert shlex.quote(checked) == checked


@given(text)
def test_conf_is_an_object_or_refused(conf: str) -> None:
    from gaiaflow.lifecycle.dag.run import read_conf

    try:
        assert isinstance(read_conf(conf), dict)
    except UsageError as error:
        assert "--conf" in error.message


@given(text)
def test_an_id_of_a_dag_is_one_word_or_refused(name: str) -> None:
    from gaiaflow.dags.name import checked

    try:
        found = checked(name)
    except UsageError:
        return
    assert re.fullmatch(r"[\w.-]+", found)
    assert not found.startswith("-")
    assert len(found) <= 250


@given(text, text, text, st.none() | st.integers(-1, 1000))
def test_a_container_has_a_name_that_docker_takes(dag: str, task: str, run: str, index: int | None) -> None:
    from gaiaflow.operators.container_name import container_name

    assume(_encodes(dag + task + run))
    name = container_name("project", dag, task, run, index)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-]*", name)
    assert name != container_name("project", dag, f"{task}x", run, index)


@given(text, text)
def test_a_pod_has_a_name_and_labels_that_kubernetes_takes(dag: str, task: str) -> None:
    pytest.importorskip("kubernetes")
    from gaiaflow.operators.pod.spec import label_value, pod_name

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,52}[a-z0-9])?", pod_name(dag, task))
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", label_value(dag))


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), plain_text, max_size=4))
def test_kubernetes_expands_nothing_in_a_variable(values: dict[str, str]) -> None:
    """``$(NAME)`` would be replaced by another variable, a secret's too; ``$$`` is how it is said."""
    pytest.importorskip("kubernetes")
    from gaiaflow.operators.pod.spec import environment

    for variable in environment(values):
        assert "$" not in variable.value.replace("$$", "")
        assert variable.value.replace("$$", "$") == values[variable.name]


# What is rendered


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True), plain_text, max_size=4))
def test_an_env_file_of_compose_holds_no_more_than_was_given(folder: Path, values: dict[str, str]) -> None:
    from dotenv import dotenv_values

    file = handover.write_env_file(folder / "compose.env", values)
    assert file.read_text().count("\n") == len(values)
    assert dotenv_values(stream=io.StringIO(file.read_text()), interpolate=False).keys() == values.keys()


@given(plain_text.filter(lambda name: name.strip() and "/" not in name and name not in {".", ".."}))
@example('a"\n[evil]\nkey = "x')
def test_the_stores_configuration_is_what_was_meant(name: str) -> None:
    """A folder's name is text in security.toml, never a table of it."""
    if sys.version_info < (3, 11):
        pytest.skip("no tomllib")
    import tomllib

    keys = Keys()
    read = tomllib.loads(s3.security(Path("/x") / name[:50], keys))
    assert "evil" not in read
    assert read["grpc"]["ca"] == str(Path("/x") / name[:50] / "ca.crt")
    assert read["admin"]["password"] == keys.s3_console_password
