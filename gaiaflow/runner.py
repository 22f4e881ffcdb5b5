"""Runs one of your functions and hands its result over; the standard library and Python >= 3.8 are enough.

    python runner.py

It takes no arguments. Everything comes by environment variables:

GAIAFLOW_CALL         the call as JSON:
                      {"protocol": 1, "function": "pkg.module:name",
                       "args": [...], "kwargs": {...}, "params": {...}}
                      with arguments that tell of the run, what each is of (see below):
                      {"protocol": 2, ..., "from_run": {"args": {"0": "ds"}, "kwargs": {"day": "logical_date"}}}
GAIAFLOW_CALL_FILE    the path of a file with the same JSON, for calls too large for a variable
GAIAFLOW_RESULT_FILE  where the result goes
GAIAFLOW_MESSAGE_FILE a file that is there and takes 4 KiB, a container's termination message: a small result
                      goes there too, after `gaiaflow-result `; with it alone, a larger one ends the run.
                      With neither file the result is dropped
GAIAFLOW_CODE         folders to import from, joined like PATH; optional
GAIAFLOW_SECRET_NAME  a key of a secret: becomes NAME, over a plain variable of that name; optional
GAIAFLOW_TAGS         tags as a JSON object, for every MLflow run that the function starts; they join
                      MLFLOW_RUN_CONTEXT, where a tag that stands there already stays; optional
GAIAFLOW_LOG_LEVELS   set by whoever reads the output line by line: what comes on stderr then tells its level at
                      the start of each line, as `WARNING| text`; optional
GAIAFLOW_COMMIT, GAIAFLOW_CONTENT
                      what an image says of itself: its git commit and its content tag, tags too; optional

Variables that the scripts of a conda environment set are read from gaiaflow-activation.json in its folder.

`params` goes only to a function that takes `params` or `**kwargs`, and never over a `params` in kwargs.

An argument that tells of the run arrives as its parameter's annotation says: ISO 8601 text becomes a
datetime.date or a datetime.datetime (in UTC where it names no zone) where that is allowed and str is not; None
where None is not allowed ends the run. Annotations may be text, Optional, Union, Annotated, or have `|` in any
Python; one that cannot be told stops nothing and changes nothing.

Success: the result file holds the returned value as bare JSON, written under a temporary name and renamed;
exit 0. Failure: the traceback on stderr without the runner's own frames, then one last line, exit 1:

    gaiaflow: the call cannot be read: ...
    gaiaflow: pkg.module does not import: ModuleNotFoundError: ...
    gaiaflow: pkg.module has no function `name`: there is a, b
    gaiaflow: pkg.module:name does not take this call: TypeError: ...
    gaiaflow: pkg.module:name takes `day: date`, but this run has no logical date: `--date` gives it one
    gaiaflow: pkg.module:name raised ValueError: ...
    gaiaflow: pkg.module:name returned what is not JSON: result["a"] is a numpy.ndarray
    gaiaflow: pkg.module:name returned 5000 bytes: a small result has at most 4080
    gaiaflow: the result of pkg.module:name cannot be written: OSError: [Errno 28] No space left on device

What the function logs by `logging` appears on stderr from INFO up, with time, level and logger. A function that
gives the root logger a handler keeps its way, with Python's own level.

The runner itself prints nothing of arguments, results or environment. This file is copied alone into images:
its folder is taken out of sys.path, so nothing beside it can shadow your modules.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import importlib
import inspect
import io
import json
import logging
import math
import os
import re
import signal
import sys
import traceback

TYPE_CHECKING = False  # typing costs milliseconds that every task would pay
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, MutableMapping, Optional, Tuple, Union

PROTOCOL = 1
# Of a call whose arguments tell of the run: a runner that cannot type them must refuse it.
PROTOCOL_OF_RUNS = 2
CALL = "GAIAFLOW_CALL"
CALL_FILE = "GAIAFLOW_CALL_FILE"
RESULT_FILE = "GAIAFLOW_RESULT_FILE"
MESSAGE_FILE = "GAIAFLOW_MESSAGE_FILE"
# Tells a result from a message that the function wrote itself.
MESSAGE = "gaiaflow-result "
LARGEST_MESSAGE = 4096
CODE = "GAIAFLOW_CODE"
SECRET = "GAIAFLOW_SECRET_"  # noqa: S105 - the start of a name
TAGS = "GAIAFLOW_TAGS"
RUN_CONTEXT = "MLFLOW_RUN_CONTEXT"
# What an image says of itself, and the tag that it becomes.
COMMIT = "GAIAFLOW_COMMIT"
CONTENT = "GAIAFLOW_CONTENT"
IMAGE_TAGS = {COMMIT: "gaiaflow.commit", CONTENT: "gaiaflow.image_content"}
ACTIVATION = "gaiaflow-activation.json"
PREFIX = "gaiaflow: "
LOG_LEVELS = "GAIAFLOW_LOG_LEVELS"
# How a line of stderr tells its level; whoever reads it takes it off. It reads well in `docker logs`, too.
MARK = "%s| %s"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MARKED_FORMAT = "%(asctime)s %(name)s: %(message)s"
LONGEST_MESSAGE = 1000
# Where an annotation that only names another one keeps it: a forward reference, `type X = ...`, NewType.
BESIDE = ("__forward_arg__", "__value__", "__supertype__")


class Failure(Exception):
    """Ends the run; the text is the last line, the cause (if any) is the user's exception."""


def not_json(value: Any, name: str = "result") -> Optional[str]:
    """Say where a value is not JSON, e.g. ``result["a"] is a set``; None when all of it is.

    Nor may an integer have more than 64 bits, which Airflow could not hand on (its processes speak msgpack).
    """
    try:
        return _not_json(value, name)
    except RecursionError:
        return name + " contains itself or is nested too deep"


def _not_json(value: Any, name: str) -> Optional[str]:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _not_unicode(value, name)
    if isinstance(value, (int, float)):
        return _not_number(value, name)
    if isinstance(value, (list, tuple)):
        parts = (_not_json(item, "%s[%d]" % (name, i)) for i, item in enumerate(value))
        return next(filter(None, parts), None)
    if isinstance(value, dict):
        return next(filter(None, (_bad_item(name, k, v) for k, v in value.items())), None)
    return "%s is a %s" % (name, type_name(value))


def _bad_item(name: str, key: Any, value: Any) -> Optional[str]:
    if not isinstance(key, str):
        return "%s has the key %r, a %s, not a str" % (name, key, type_name(key))
    return _not_unicode(key, "a key of " + name) or _not_json(value, "%s[%s]" % (name, json.dumps(key)))


def _not_number(value: Union[int, float], name: str) -> Optional[str]:
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else name + " is an integer beyond 64 bits: pass it as a str"
    return None if math.isfinite(value) else "%s is %r, which JSON does not have" % (name, float(value))


def _not_unicode(text: str, name: str) -> Optional[str]:
    """Half a surrogate pair has no UTF-8: neither a database nor a file could hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return "%s has the lone surrogate %a at character %d" % (name, text[error.start], error.start)
    return None


def type_name(value: Any) -> str:
    """``dict``, ``numpy.ndarray``."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__name__)


def read_call(
    environ: MutableMapping[str, str],
) -> Tuple[str, str, List[Any], Dict[str, Any], Dict[str, Any], Dict[str, Dict[str, str]]]:
    """Take the call out of the environment, so that the function's own children do not carry it."""
    text, path = environ.pop(CALL, None), environ.pop(CALL_FILE, None)
    try:
        if text is None:
            with open(path or "", encoding="utf-8") as file:
                text = file.read()
        call = json.loads(text)
        if call["protocol"] not in (PROTOCOL, PROTOCOL_OF_RUNS):
            raise ValueError(
                "protocol %r, this runner speaks %d and %d" % (call["protocol"], PROTOCOL, PROTOCOL_OF_RUNS)
            )
        module, colon, name = call["function"].partition(":")
        if not (module and colon and name):
            raise ValueError("`function` is not `module:name`")
        return (
            module,
            name,
            list(call.get("args") or ()),
            dict(call.get("kwargs") or {}),
            dict(call.get("params") or {}),
            dict(call.get("from_run") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Failure("the call cannot be read: %s" % describe(error)) from None


def load(module_name: str, name: str) -> Callable[..., Any]:
    """Import the function."""
    try:
        found: Any = importlib.import_module(module_name)
    except BaseException as error:
        raise Failure("%s does not import: %s" % (module_name, describe(error))) from error
    names = sorted(n for n, v in vars(found).items() if inspect.isroutine(v) and not n.startswith("_"))
    function: Optional[Callable[..., Any]] = found
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        there_is = ", ".join(names[:20]) or "none at all"
        raise Failure("%s has no function `%s`: there is %s" % (module_name, name, there_is))
    return function


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """A function's signature. Annotations are not evaluated: they may name what only a type checker imports.

    Raises:
        Exception: the function has none, or does not tell.
    """
    options: Dict[str, Any] = {}
    if sys.version_info >= (3, 14):
        options["annotation_format"] = importlib.import_module("annotationlib").Format.STRING
    return inspect.signature(function, **options)


def parameters(function: Callable[..., Any]) -> List[inspect.Parameter]:
    """The parameters of a function; none where they cannot be known."""
    try:
        return list(signature(function).parameters.values())
    except Exception:  # whatever a decorator, a class or an annotation raises: the call decides
        return []


def takes_params(function: Callable[..., Any]) -> bool:
    """Whether a function wants the DAG's params."""
    return any(
        p.kind is p.VAR_KEYWORD or (p.name == "params" and p.kind is not p.POSITIONAL_ONLY)
        for p in parameters(function)
    )


def bind_params(
    function: Callable[..., Any], args: List[Any], kwargs: Dict[str, Any], params: Dict[str, Any]
) -> Dict[str, Any]:
    """Add `params` where the function takes it and no argument has filled its place."""
    if "params" in kwargs or not takes_params(function):
        return kwargs
    names = [p.name for p in parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]
    return kwargs if "params" in names[: len(args)] else dict(kwargs, params=params)


def place_run(
    label: str,
    function: Callable[..., Any],
    args: List[Any],
    kwargs: Dict[str, Any],
    from_run: Dict[str, Dict[str, str]],
) -> None:
    """Give the arguments that tell of the run, in place, the types of their parameters."""
    if not from_run:
        return
    known, names = parameters(function), names_of(function)
    for place, origin in from_run.get("args", {}).items():
        index = int(place)
        args[index] = as_annotated(label, args[index], origin, by_position(known, index), names)
    for name, origin in from_run.get("kwargs", {}).items():
        kwargs[name] = as_annotated(label, kwargs[name], origin, by_name(known, name), names)


def by_position(known: List[inspect.Parameter], index: int) -> Optional[inspect.Parameter]:
    """The parameter that a positional argument fills; None where there is none."""
    plain = [p for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    more = [p for p in known if p.kind is p.VAR_POSITIONAL]
    return next(iter(plain[index : index + 1] + more), None)


def by_name(known: List[inspect.Parameter], name: str) -> Optional[inspect.Parameter]:
    """The parameter that a keyword argument fills; None where there is none."""
    named = [p for p in known if p.name == name and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return next(iter(named + [p for p in known if p.kind is p.VAR_KEYWORD]), None)


def names_of(function: Callable[..., Any]) -> Dict[str, Any]:
    """The names of the module that a function was written in, where its annotations are looked up."""
    own = inspect.unwrap(function)
    found: Dict[str, Any] = getattr(own, "__globals__", {})
    return found or vars(sys.modules.get(str(getattr(own, "__module__", "")), object))


def as_annotated(
    label: str, value: Any, origin: str, parameter: Optional[inspect.Parameter], names: Dict[str, Any]
) -> Any:
    """A value of the run as a parameter wants it.

    Args:
        origin: what it is of the run: ``ds``, ``params.day``.
    """
    if parameter is None or parameter.annotation is parameter.empty:
        return value
    said = parameter.annotation
    types = allowed(said, names)
    shown = said if isinstance(said, str) else inspect.formatannotation(said)
    takes = "%s takes `%s: %s`" % (label, parameter.name, shown)
    if value is None and not (parameter.default is None or {object, type(None)} & set(types)):
        raise Failure("%s, but %s" % (takes, why_none(origin)))
    kinds = [kind for kind in (datetime.datetime, datetime.date) if kind in types]
    if kinds and isinstance(value, str) and not {object, str} & set(types):
        return read_date(value, kinds[0], "%s, but `%s` of this run" % (takes, origin))
    return value


def why_none(origin: str) -> str:
    """Why a run has nothing of an origin, and how it gets it."""
    if origin == "partition_key":
        return "this run has no partition key: `--partition` gives it one"
    if origin.startswith("params."):
        return "`%s` of this run is None" % origin
    if origin.startswith("asset("):
        return "no event of %s started this run" % origin
    return "this run has no logical date: `--date` gives it one"


def read_date(text: str, kind: Any, begin: str) -> Any:
    """ISO 8601 text as a date, or as a time, in UTC unless it names a zone."""
    try:
        found = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        raise Failure("%s is not a date in ISO 8601" % begin) from None
    if kind is datetime.date:
        return found.date()
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def allowed(annotation: Any, names: Dict[str, Any]) -> List[Any]:
    """The classes that an annotation allows; `object` where it allows all, or cannot be told.

    Args:
        names: what the names in it stand for.
    """
    try:
        return list(classes(annotation, names))
    except Exception:  # whatever an annotation raises is no business of the call
        return [object]


def classes(annotation: Any, names: Dict[str, Any]) -> Iterator[Any]:
    origin = getattr(annotation, "__origin__", None)
    other = next((getattr(annotation, name) for name in BESIDE if hasattr(annotation, name)), None)
    if isinstance(annotation, str):
        yield from written_classes(ast.parse(annotation.strip(), mode="eval").body, names)
    elif annotation is None:
        yield type(None)
    elif "Union" in (form(origin), type(annotation).__name__.replace("Type", "")):
        for part in annotation.__args__:
            yield from classes(part, names)
    elif other is not None:
        yield from classes(other, names)
    elif hasattr(annotation, "__metadata__"):  # Annotated
        yield from classes(origin, names)
    else:
        found = origin or annotation
        yield found if isinstance(found, type) and form(found) != "Any" else object


def written_classes(node: Any, names: Dict[str, Any]) -> Iterator[Any]:
    """The same of source, which may have `|` and `list[...]` that this Python does not know."""
    if isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            yield from written_classes(side, names)
    elif isinstance(node, ast.Subscript):
        found, word = look_up(node.value, names)
        inner: Any = getattr(node.slice, "value", node.slice) if sys.version_info < (3, 9) else node.slice
        parts = {"Optional": [inner, ast.Constant(None)], "Union": getattr(inner, "elts", [inner])}
        parts["Annotated"] = getattr(inner, "elts", [inner])[:1]
        for part in parts.get(word, ()):
            yield from written_classes(part, names)
        if word not in parts:
            yield from classes(found, names)
    elif isinstance(node, ast.Constant):
        yield from classes(node.value, names)
    else:
        yield from classes(look_up(node, names)[0], names)


def look_up(node: Any, names: Dict[str, Any]) -> Tuple[Any, str]:
    """What a dotted name stands for, and its last word; what only a type checker imports goes by its word."""
    try:
        found = resolve(node, names)
    except (KeyError, AttributeError):
        word = str(getattr(node, "attr", getattr(node, "id", "")))
        return {"date": datetime.date, "datetime": datetime.datetime}.get(word, object), word
    return found, form(found)


def resolve(node: Any, names: Dict[str, Any]) -> Any:
    """What a dotted name stands for; an annotation of another form is not run.

    Raises:
        KeyError, AttributeError: there is no such thing, or it is not a name.
    """
    if isinstance(node, ast.Attribute):
        return getattr(resolve(node.value, names), node.attr)
    return names[node.id] if node.id in names else vars(builtins)[node.id]


def form(found: Any) -> str:
    """`Optional`, `Union`, `Annotated` or `Any` of `typing`; of all else its name, if it has one."""
    return str(getattr(found, "_name", None) or getattr(found, "__name__", ""))


def call_function(label: str, function: Callable[..., Any], args: List[Any], kwargs: Dict[str, Any]) -> Any:
    """The function's value."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        called = error.__traceback__.tb_next if error.__traceback__ else None
        if called is None and isinstance(error, TypeError):
            raise Failure("%s does not take this call: %s" % (label, describe(error))) from error
        raise Failure("%s raised %s" % (label, describe(error))) from error


def encode(label: str, value: Any) -> str:
    """The function's value as JSON text."""
    problem = not_json(value)
    if problem:
        raise Failure("%s returned what is not JSON: %s" % (label, problem))
    return json.dumps(value, allow_nan=False)


def write_result(path: str, text: str) -> None:
    """Write under another name and rename, so that a reader sees all of it or nothing."""
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_message(path: str, text: str) -> bool:
    """Write a small result into a file that is there already; False where it is too large or cannot be.

    The text is ASCII, so that characters are bytes.
    """
    message = MESSAGE + text
    try:
        with open(path, "r+", encoding="utf-8") as file:
            file.truncate()
            file.write(message if len(message) <= LARGEST_MESSAGE else "")
    except OSError:
        return False
    return len(message) <= LARGEST_MESSAGE


def describe(error: BaseException) -> str:
    """``ValueError: text`` on one line, even when str() of the error fails."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text cannot be shown)"
    text = text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"
    return "%s: %s" % (type_name(error), text) if text else type_name(error)


def print_traceback(error: BaseException) -> None:
    """The error and its causes, without the frames of this file and of the import machinery."""
    hidden = (
        __file__,
        importlib.__file__,
        "<frozen importlib._bootstrap>",
        "<frozen importlib._bootstrap_external>",
    )
    shown = traceback.TracebackException.from_exception(error)
    chain: List[Optional[traceback.TracebackException]] = [shown]
    seen = set()
    while chain:
        part = chain.pop()
        if part is not None and id(part) not in seen:
            seen.add(id(part))
            part.stack = traceback.StackSummary.from_list([f for f in part.stack if f.filename not in hidden])
            chain += [part.__cause__, part.__context__]
    write_error("".join(shown.format()))


class LeveledStream(io.TextIOWrapper):
    """stderr whose lines begin with their level.

    A line that names a level itself, as most formats of logging do, has that one; a traceback has ERROR, all
    else WARNING.
    """

    _named = re.compile(r"[\d\s/:.,TZ+\[\]()-]*(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
    _at_start = True
    _in_traceback = False

    def write(self, text: str) -> int:
        self.put(text)
        return len(text)

    def put(self, text: str, level: str = "") -> None:
        """Write text of a known level."""
        super().write("".join(self._marked(text, level)))

    def _marked(self, text: str, level: str) -> Iterator[str]:
        for line in re.findall(r"[^\n]*\n|[^\n]+", text):
            yield MARK % (level or self._level(line), line) if self._at_start else line
            self._at_start = line.endswith("\n")

    def _level(self, line: str) -> str:
        begins = line.startswith("Traceback (most recent call last)")
        if begins or self._in_traceback:
            self._in_traceback = begins or line.startswith(" ")
            return "ERROR"
        named = self._named.match(line)
        return named.group(1) if named else "WARNING"


def mark_levels() -> None:
    """Have stderr tell the levels of its lines."""
    plain: Any = sys.stderr
    if isinstance(plain, io.TextIOWrapper):  # None where the descriptor is closed
        encoding, errors = plain.encoding, plain.errors
        stream: Any = LeveledStream(plain.detach(), encoding, errors, line_buffering=True, write_through=True)
        sys.stderr = stream
        setattr(sys, "__stderr__", stream)  # noqa: B010 - final for a type checker, but detached by now


def write_error(text: str) -> None:
    """Write what ends the run to stderr."""
    if isinstance(sys.stderr, LeveledStream):
        sys.stderr.put(text, "ERROR")
    else:
        sys.stderr.write(text)
    sys.stderr.flush()


class LastResort(logging.Handler):
    """Shows what is logged while nobody has configured logging."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if isinstance(sys.stderr, LeveledStream):
                sys.stderr.put(self.format(record) + "\n", level_name(record.levelno))
            else:
                sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def level_name(number: int) -> str:
    """The name of a level, or of the next one below a level of one's own."""
    return logging.getLevelName(max(logging.DEBUG, min(number // 10 * 10, logging.CRITICAL)))


class UnaskedLevel(int):
    """The level that the root logger has from the runner, told from the same one that the function sets."""


def show_logging() -> None:
    """Show what is logged from INFO up, until somebody gives the root logger a handler.

    The root logger stays without one: `basicConfig` and all that asks for `root.handlers` works as without us.
    """
    handler = LastResort()
    marked = isinstance(sys.stderr, LeveledStream)
    handler.setFormatter(logging.Formatter(MARKED_FORMAT if marked else LOG_FORMAT))
    logging.lastResort = handler
    root: Any = logging.getLogger()
    root.setLevel(UnaskedLevel(logging.INFO))
    configure = logging.basicConfig

    def add_handler(handler: logging.Handler) -> None:
        if isinstance(root.level, UnaskedLevel):
            root.setLevel(logging.WARNING)  # as Python has it
        type(root).addHandler(root, handler)

    def basic_config(**options: Any) -> None:
        # `logging.info(...)` calls it where the root logger has no handler.
        if sys._getframe(1).f_globals is not vars(logging):  # noqa: SLF001
            configure(**options)

    root.addHandler = add_handler
    logging.basicConfig = basic_config


def apply_secrets(environ: MutableMapping[str, str]) -> None:
    """Give the keys of secrets their names; in a pod a plain variable of the same name would hide them."""
    for name in [n for n in environ if n.startswith(SECRET) and n != SECRET]:
        environ[name[len(SECRET) :]] = environ.pop(name)


def activate(environ: MutableMapping[str, str]) -> None:
    """Set what a conda environment's own scripts would set; a variable that is there stays."""
    try:
        with open(os.path.join(sys.prefix, ACTIVATION), encoding="utf-8") as file:
            found = dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return
    for name, value in found.items():
        environ.setdefault(name, value)
    environ["PATH"] = os.path.join(sys.prefix, "bin") + os.pathsep + environ.get("PATH", os.defpath)


def tag_runs(environ: MutableMapping[str, str]) -> None:
    """Have MLflow tag its runs; what is said in MLFLOW_RUN_CONTEXT already stays, also when it is no JSON."""
    given = environ.pop(TAGS, None)
    if given is None:
        return
    try:
        tags, said = json.loads(given), json.loads(environ.get(RUN_CONTEXT) or "{}")
        tags.update((tag, environ[name]) for name, tag in IMAGE_TAGS.items() if environ.get(name))
        environ[RUN_CONTEXT] = json.dumps(dict(tags, **said))
    except (ValueError, TypeError, AttributeError):
        return


def end_politely(signum: int, _frame: object) -> None:
    """Process 1 of a container ignores SIGTERM unless told otherwise; like this the function can clean up."""
    raise SystemExit(128 + signum)


def prepare_path(environ: MutableMapping[str, str]) -> None:
    """Take the runner's own folder out of sys.path and put the folders of the project first."""
    own = os.path.dirname(os.path.realpath(__file__))  # as Python resolves links for sys.path's first entry
    sys.path[:] = [p for p in sys.path if os.path.realpath(p) != own]
    sys.path[:0] = [p for p in environ.get(CODE, "").split(os.pathsep) if p]


def run(environ: MutableMapping[str, str]) -> None:
    """One call, one result."""
    # Now: the function may clear its environment.
    result, message = environ.get(RESULT_FILE), environ.get(MESSAGE_FILE)
    module, name, args, kwargs, params, from_run = read_call(environ)
    apply_secrets(environ)
    activate(environ)
    tag_runs(environ)
    prepare_path(environ)
    function = load(module, name)
    label = "%s:%s" % (module, name)
    place_run(label, function, args, kwargs, from_run)
    value = call_function(label, function, args, bind_params(function, args, kwargs, params))
    if result is not None or message is not None:
        hand_over(label, encode(label, value), result, message)


def hand_over(label: str, text: str, result: Optional[str], message: Optional[str]) -> None:
    """Put the result where it is looked for."""
    told = message is not None and write_message(message, text)
    if result is not None:
        try:
            write_result(result, text)
        except OSError as error:
            raise Failure("the result of %s cannot be written: %s" % (label, describe(error))) from None
    elif not told:
        limit = LARGEST_MESSAGE - len(MESSAGE)
        raise Failure("%s returned %d bytes: a small result has at most %d" % (label, len(text), limit))


def main() -> int:
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, end_politely)
    if os.environ.pop(LOG_LEVELS, None):
        mark_levels()
    show_logging()
    try:
        run(os.environ)
    except Failure as failure:
        sys.stdout.flush()
        if failure.__cause__ is not None:
            print_traceback(failure.__cause__)
        write_error("%s%s\n" % (PREFIX, failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
