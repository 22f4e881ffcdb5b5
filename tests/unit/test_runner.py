"""The runner in a bare interpreter: what goes in, what comes out, and how each failure reads."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gaiaflow import runner

FUNCTIONS = """
import os, sys

def echo(*args, **kwargs):
    return [list(args), kwargs]

def value(value):
    return value

def takes_params(a=1, params=None):
    return params

def keyword_params(*, params):
    return params

def takes_kwargs(**kwargs):
    return kwargs

def takes_neither(a=1):
    return a

def positional_params(params, /):
    return params

def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("the outer\\nerror") from error

def in_context():
    try:
        1 / 0
    except ZeroDivisionError:
        raise LookupError("while handling")

def unprintable():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")
    raise Odd

def long_error():
    raise ValueError("x" * 5000)

def exits(code=None):
    sys.exit(code)

def interrupted():
    raise KeyboardInterrupt

def odd(kind):
    class Thing: pass
    loop = []
    loop.append(loop)
    return {"nan": {"a": [1, float("nan")]}, "infinity": float("-inf"), "set": {"a": {1, 2}}, "bytes": [b"x"],
            "key": {1: 2}, "thing": Thing(), "loop": loop, "large": [2**64],
            "surrogate": ["half \\ud800 a pair"], "surrogate key": {"a": {"\\udfff": 1}}}[kind]

def forgets():
    os.environ.clear()
    return "kept"

def prints():
    print("on stdout", end="")
    print("on stderr", file=sys.stderr)
    return "printed"

def environment():
    return sorted(k for k in os.environ if k.startswith("GAIAFLOW_CALL"))

def where():
    return [p for p in sys.path if os.path.isfile(os.path.join(p, "runner.py"))]

def sub_interpreter():
    import subprocess
    return subprocess.run([sys.executable, "-c", "import os; print('GAIAFLOW_CALL' in os.environ)"],
                          stdout=subprocess.PIPE).stdout.decode().strip()

def dies():
    os._exit(7)

class Model:
    @staticmethod
    def train(a):
        return a

_hidden = 3
"""


@dataclass
class Done:
    code: int
    stdout: str
    stderr: str
    text: str | None

    @property
    def value(self) -> Any:
        assert self.code == 0, self.stderr
        assert self.text is not None
        return json.loads(self.text)

    @property
    def last_line(self) -> str:
        assert self.code == 1
        assert self.text is None
        return self.stderr.splitlines()[-1]


class Bare:
    """Runs a copy of the runner alone in its folder, without site-packages and without the user's variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runner = Path(shutil.copy(runner.__file__, folder / "alone" / "runner.py"))
        self.result = folder / "result.json"

    def __call__(self, function: str, *args: Any, params: Any = None, **kwargs: Any) -> Done:
        call = {"protocol": 1, "function": function, "args": args, "kwargs": kwargs, "params": params or {}}
        return self.raw({"GAIAFLOW_CALL": json.dumps(call)})

    def raw(self, variables: dict[str, str], *, keep_result: bool = True) -> Done:
        self.result.unlink(missing_ok=True)
        env = {"GAIAFLOW_CODE": str(self.folder / "code"), **variables}
        if keep_result:
            env["GAIAFLOW_RESULT_FILE"] = str(self.result)
        command = [sys.executable, "-I", "-S", str(self.runner)]
        done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
        text = self.result.read_text(encoding="utf-8") if self.result.exists() else None
        assert sorted(p.name for p in self.folder.iterdir() if ".tmp" in p.name) == []
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode(errors="backslashreplace"), text)


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    for name in ("alone", "code"):
        (tmp_path / name).mkdir()
    (tmp_path / "code" / "user.py").write_text(FUNCTIONS)
    (tmp_path / "code" / "broken.py").write_text("import nowhere_at_all\n")
    (tmp_path / "code" / "empty.py").write_text("a = 1\n")
    (tmp_path / "code" / "exiting.py").write_text("import sys\nsys.exit(4)\n")
    return Bare(tmp_path)


VALUES = [
    None,
    True,
    0,
    2**53 + 1,
    2**64 - 1,
    -(2**63),
    0.1,
    5e-324,
    1.0,
    "Grüße, 世界 🌍 \u2028",
    'it\'s "quoted" `twice` C:\\new\\table\n\r\n\t\x00\x7f',
    "{{ ds }} {% raw %} $HOME $(HOME)",
    "",
    [],
    {},
    {"a": [{"b": [1, [2, {"c": None}]]}], "": {"{{ ds }}": 1}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_arrives_and_comes_back_equal_in_kind(bare: Bare, value: Any) -> None:
    done = bare("user:value", value=value)
    assert json.dumps(done.value) == json.dumps(value)
    assert (done.stdout, done.stderr) == ("", "")


def test_arguments_keep_their_places(bare: Bare) -> None:
    assert bare("user:echo", 1, [2], x={"y": 3}).value == [[1, [2]], {"x": {"y": 3}, "params": {}}]


def test_a_function_of_a_class(bare: Bare) -> None:
    assert bare("user:Model.train", 3).value == 3


def test_a_call_of_a_mebibyte_by_file(bare: Bare, tmp_path: Path) -> None:
    call = {"protocol": 1, "function": "user:value", "args": ["y" * 2**20], "kwargs": {}, "params": {}}
    file = tmp_path / "call.json"
    file.write_text(json.dumps(call))
    assert bare.raw({"GAIAFLOW_CALL_FILE": str(file)}).value == "y" * 2**20


class TestParams:
    PARAMS: ClassVar[dict[str, Any]] = {"count": 3, "Mixed_Case": [None, 0.5]}

    @pytest.mark.parametrize("name", ["takes_params", "keyword_params"])
    def test_go_to_a_function_that_takes_them(self, bare: Bare, name: str) -> None:
        assert bare(f"user:{name}", params=self.PARAMS).value == self.PARAMS

    def test_go_into_kwargs(self, bare: Bare) -> None:
        assert bare("user:takes_kwargs", params=self.PARAMS, a=1).value == {"a": 1, "params": self.PARAMS}

    def test_do_not_go_where_nobody_asked(self, bare: Bare) -> None:
        assert bare("user:takes_neither", params=self.PARAMS).value == 1

    def test_never_go_over_an_argument_of_that_name(self, bare: Bare) -> None:
        call = {"function": "user:takes_params", "args": [], "kwargs": {"params": "own"}, "params": {"a": 1}}
        assert bare.raw({"GAIAFLOW_CALL": json.dumps({"protocol": 1, **call})}).value == "own"
        call = {"function": "user:takes_params", "args": [1, "own"], "kwargs": {}, "params": {"a": 1}}
        assert bare.raw({"GAIAFLOW_CALL": json.dumps({"protocol": 1, **call})}).value == "own"
        assert bare("user:positional_params", "own", params={"a": 1}).value == "own"


class TestFailures:
    @pytest.mark.parametrize(
        ("function", "said"),
        [
            ("broken:f", "broken does not import: ModuleNotFoundError: No module named 'nowhere_at_all'"),
            ("nowhere:f", "nowhere does not import: ModuleNotFoundError: No module named 'nowhere'"),
            ("exiting:f", "exiting does not import: SystemExit: 4"),
            ("empty:f", "empty has no function `f`: there is none at all"),
            ("user:chained", "user:chained raised ValueError: the outer error"),
            ("user:in_context", "user:in_context raised LookupError: while handling"),
            ("user:interrupted", "user:interrupted raised KeyboardInterrupt"),
            ("user:_hidden", "user has no function `_hidden`: there is"),
        ],
    )
    def test_reads(self, bare: Bare, function: str, said: str) -> None:
        assert bare(function).last_line.startswith(f"gaiaflow: {said}")

    def test_a_missing_function_names_those_that_are_there(self, bare: Bare) -> None:
        line = bare("user:ecko").last_line
        assert line.startswith("gaiaflow: user has no function `ecko`: there is chained, dies, echo,")
        assert "_hidden" not in line

    @pytest.mark.parametrize(
        ("code", "said"), [(3, "SystemExit: 3"), ("no more", "SystemExit: no more"), (0, "SystemExit: 0")]
    )
    def test_sys_exit_is_a_failure_whatever_its_code(self, bare: Bare, code: Any, said: str) -> None:
        assert bare("user:exits", code).last_line == f"gaiaflow: user:exits raised {said}"

    def test_the_traceback_has_the_cause_and_none_of_the_runners_frames(self, bare: Bare) -> None:
        stderr = bare("user:chained").stderr
        assert "KeyError: 'missing'" in stderr
        assert "The above exception was the direct cause" in stderr
        assert 'user.py", line' in stderr
        assert "runner.py" not in stderr
        assert "importlib" not in bare("broken:f").stderr

    def test_an_error_without_a_text_and_one_with_too_much(self, bare: Bare) -> None:
        assert "(its text cannot be shown)" in bare("user:unprintable").last_line
        assert len(bare("user:long_error").last_line) < 1100

    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            ("nan", 'result["a"][1] is nan, which JSON does not have'),
            ("infinity", "result is -inf, which JSON does not have"),
            ("set", 'result["a"] is a set'),
            ("bytes", "result[0] is a bytes"),
            ("key", "result has the key 1, a int, not a str"),
            ("thing", "result is a user.Thing"),
            ("large", "result[0] is an integer beyond 64 bits: pass it as a str"),
            ("surrogate", "result[0] has the lone surrogate '\\ud800' at character 5"),
            ("surrogate key", """a key of result["a"] has the lone surrogate '\\udfff' at character 0"""),
            ("loop", "result contains itself or is nested too deep"),
        ],
    )
    def test_a_result_that_is_not_json_says_where_and_of_what_type(
        self, bare: Bare, kind: str, said: str
    ) -> None:
        line = bare("user:odd", kind).last_line
        assert line == f"gaiaflow: user:odd returned what is not JSON: {said}"

    @pytest.mark.parametrize(
        "variables",
        [
            {},
            {"GAIAFLOW_CALL": ""},
            {"GAIAFLOW_CALL": "{"},
            {"GAIAFLOW_CALL": "[]"},
            {"GAIAFLOW_CALL": '{"protocol": 3, "function": "a:b"}'},
            {"GAIAFLOW_CALL": '{"protocol": 1, "function": "ab"}'},
            {"GAIAFLOW_CALL": '{"protocol": 1}'},
            {"GAIAFLOW_CALL_FILE": "/nowhere/at/all"},
        ],
    )
    def test_a_call_that_cannot_be_read(self, bare: Bare, variables: dict[str, str]) -> None:
        assert bare.raw(variables).last_line.startswith("gaiaflow: the call cannot be read: ")

    def test_a_process_that_dies_leaves_no_result(self, bare: Bare) -> None:
        done = bare("user:dies")
        assert (done.code, done.text) == (7, None)

    def test_a_result_that_cannot_be_written_is_a_failure(self, bare: Bare) -> None:
        call = json.dumps({"protocol": 1, "function": "user:prints", "args": [], "kwargs": {}, "params": {}})
        variables = {"GAIAFLOW_CALL": call, "GAIAFLOW_RESULT_FILE": "/nowhere/result.json"}
        done = bare.raw(variables, keep_result=False)
        assert done.code == 1
        said = "gaiaflow: the result of user:prints cannot be written: FileNotFoundError: [Errno 2]"
        assert done.last_line.startswith(said)


def test_an_old_result_stays_whole_until_the_new_one_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees all of a result or nothing of it, also when writing is cut short."""
    target = tmp_path / "result.json"
    target.write_text("old")

    def cut(_descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises((OSError, runner.Failure)):
        runner.write_result(str(target), '"new"')
    assert target.read_text() == "old"


def test_without_a_result_file_the_value_is_dropped(bare: Bare) -> None:
    call = json.dumps({"protocol": 1, "function": "user:odd", "args": ["set"], "kwargs": {}, "params": {}})
    done = bare.raw({"GAIAFLOW_CALL": call}, keep_result=False)
    assert (done.code, done.text) == (0, None)


def test_a_function_that_clears_its_environment_keeps_its_result(bare: Bare) -> None:
    assert bare("user:forgets").value == "kept"


def test_what_the_function_prints_is_all_that_is_printed(bare: Bare) -> None:
    done = bare("user:prints")
    assert (done.stdout, done.stderr, done.value) == ("on stdout", "on stderr\n", "printed")


def test_the_call_is_not_in_the_functions_environment(bare: Bare) -> None:
    assert bare("user:environment").value == []
    assert bare("user:sub_interpreter").value == "False"


def test_a_secret_wins_over_a_plain_variable(bare: Bare) -> None:
    (bare.folder / "code" / "keys.py").write_text("import os\ndef key(): return os.environ['KEY']\n")
    call = json.dumps({"protocol": 1, "function": "keys:key", "args": [], "kwargs": {}, "params": {}})
    plain = {"GAIAFLOW_CALL": call, "KEY": "plain"}
    assert bare.raw(plain).value == "plain"
    assert bare.raw({**plain, "GAIAFLOW_SECRET_KEY": "secret"}).value == "secret"


def test_nothing_beside_the_runner_shadows_the_users_modules(bare: Bare) -> None:
    (bare.runner.parent / "user.py").write_text("def value(value): return 'shadow'")
    assert bare("user:value", 1).value == 1
    assert bare("user:where").value == []


@dataclass
class Interpreter:
    """A Python of this machine; 3.8 to 3.14 are looked for where pyenv keeps them and on the PATH."""

    python: str
    minor: int


def _interpreters() -> list[Interpreter]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found = [Interpreter(sys.executable, sys.version_info.minor)]
    for minor in range(8, 15):
        kept = sorted(pyenv.glob(f"3.{minor}.*/bin/python"))
        python = str(kept[-1]) if kept else shutil.which(f"python3.{minor}")
        if python and "shims" not in python and minor != sys.version_info.minor:
            found.append(Interpreter(python, minor))
    return found


INTERPRETERS = pytest.mark.parametrize("python", _interpreters(), ids=lambda found: f"3.{found.minor}")


class Reached:
    """The runner among modules of ours, as in the installed package, reached by one of several paths."""

    WAYS = ("itself", "a linked folder", "a linked file", "a relative path", "its own folder", "PYTHONPATH")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("ours", "theirs", "code"):
            (folder / name).mkdir()
            (folder / name / "settings.py").write_text(f"WHOSE = {name!r}\n")
        (folder / "code" / "settings.py").unlink()
        shutil.copy(runner.__file__, folder / "ours" / "runner.py")
        (folder / "link").symlink_to("ours")
        (folder / "runner-link.py").symlink_to("ours/runner.py")

    def __call__(self, python: Interpreter, module: str, call: dict[str, Any], way: str = "itself") -> Any:
        (self.folder / "code" / "user.py").write_text(module)
        ours = self.folder / "ours"
        script, cwd = {
            "a linked folder": (str(self.folder / "link" / "runner.py"), self.folder),
            "a linked file": (str(self.folder / "runner-link.py"), self.folder),
            "a relative path": ("link/../link/runner.py", self.folder),
            "its own folder": ("runner.py", ours),
        }.get(way, (str(ours / "runner.py"), self.folder))
        paths = [*([str(self.folder / "link")] if way == "PYTHONPATH" else []), str(self.folder / "theirs"), ""]
        env = {
            "PYTHONPATH": os.pathsep.join(
                [str(self.folder / "link"), *paths] if way == "PYTHONPATH" else paths
            ),
            "GAIAFLOW_CODE": str(self.folder / "code"),
            "GAIAFLOW_CALL": json.dumps({"protocol": 1, "args": [], "kwargs": {}, "params": {}, **call}),
            "GAIAFLOW_RESULT_FILE": str(self.folder / "result.json"),
        }
        done = subprocess.run(
            [python.python, script], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads((self.folder / "result.json").read_text())


@pytest.fixture
def reached(tmp_path: Path) -> Reached:
    return Reached(tmp_path)


@INTERPRETERS
@pytest.mark.parametrize("way", Reached.WAYS)
def test_no_module_of_ours_shadows_the_users_by_any_path(
    reached: Reached, python: Interpreter, way: str
) -> None:
    module = "def whose():\n    import settings\n    return settings.WHOSE\n"
    assert reached(python, module, {"function": "user:whose"}, way) == "theirs"


FUTURE = "from __future__ import annotations\n"
# Names in annotations are there for a type checker alone; before 3.14 only the future leaves them unevaluated.
HINTED = "def f(a: Missing, *, params: Missing.Too[1] = None) -> Missing:\n    return [a, params]\n"
# What a decorator may leave.
UNTOLD = """
class Untold:
    @property
    def __signature__(self):
        raise NameError("Missing")

    def __call__(self, a):
        return a

f = Untold()
"""


@INTERPRETERS
def test_annotations_that_do_not_evaluate_do_no_harm(reached: Reached, python: Interpreter) -> None:
    call = {"function": "user:f", "args": [1], "params": {"count": 2}}
    for future in [FUTURE, *([""] if python.minor >= 14 else [])]:
        assert reached(python, future + HINTED, call) == [1, {"count": 2}]
    assert reached(python, UNTOLD, call) == 1


@INTERPRETERS
def test_nothing_beside_the_runner_takes_the_place_of_the_standard_library(python: Interpreter) -> None:
    """The runner imports before it can take its own folder away, so no module of ours may have such a name."""
    code = "import sys; print(*getattr(sys, 'stdlib_module_names', ()))"
    names = subprocess.run(
        [python.python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {path.stem for path in Path(runner.__file__).parent.iterdir() if path.suffix in ("", ".py")}
    assert "runner" in ours
    assert ours & set(names) - {"__pycache__"} == set()


def test_it_speaks_python_3_8() -> None:
    import ast

    ast.parse(Path(runner.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


TAGGED = """
import json, os

def context():
    return json.loads(os.environ["MLFLOW_RUN_CONTEXT"]), "GAIAFLOW_TAGS" in os.environ

def raw():
    return os.environ.get("MLFLOW_RUN_CONTEXT")
"""


def plain_call(function: str) -> str:
    return json.dumps({"protocol": 1, "function": function, "args": [], "kwargs": {}, "params": {}})


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ({"GAIAFLOW_TAGS": '{"gaiaflow.dag": "d"}'}, {"gaiaflow.dag": "d"}),
        (
            {"GAIAFLOW_TAGS": '{"a": "1", "b": "2"}', "MLFLOW_RUN_CONTEXT": '{"b": "mine", "c": "3"}'},
            {"a": "1", "b": "mine", "c": "3"},
        ),
        (
            {"GAIAFLOW_TAGS": '{"gaiaflow.commit": "of Airflow"}', "GAIAFLOW_COMMIT": "c0ffee",
             "GAIAFLOW_CONTENT": "p/p:content-1"},
            {"gaiaflow.commit": "c0ffee", "gaiaflow.image_content": "p/p:content-1"},
        ),
        (
            {"GAIAFLOW_TAGS": '{"gaiaflow.dag": "d"}', "GAIAFLOW_SECRET_MLFLOW_RUN_CONTEXT": '{"team": "x"}'},
            {"gaiaflow.dag": "d", "team": "x"},
        ),
    ],
)  # fmt: skip
def test_mlflow_s_runs_get_the_task_s_tags(bare: Bare, given: dict[str, str], tags: dict[str, str]) -> None:
    (bare.folder / "code" / "tagged.py").write_text(TAGGED)
    assert bare.raw({**given, "GAIAFLOW_CALL": plain_call("tagged:context")}).value == [tags, False]


@pytest.mark.parametrize("said", ["no json", "[1]", None])
def test_a_run_context_that_is_no_object_stays_as_it_is(bare: Bare, said: Any) -> None:
    (bare.folder / "code" / "tagged.py").write_text(TAGGED)
    own = {} if said is None else {"MLFLOW_RUN_CONTEXT": said}
    tags = {"GAIAFLOW_TAGS": '{"a": "b"}'} if said else {}
    assert bare.raw({**own, **tags, "GAIAFLOW_CALL": plain_call("tagged:raw")}).value == said
