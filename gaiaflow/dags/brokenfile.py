"""What is wrong with a DAG file that does not import: the error, and the line of the project where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gaiaflow.project import Project
from gaiaflow.result import last_line

_FRAME = re.compile(r'\s*File "(?P<file>.+)", line (?P<line>\d+)(?:, in .*)?$')
# An error begins at the left; what a message says on further lines is not one.
_ERROR = re.compile(r"[A-Za-z_][\w.]*(: .*)?$")
_MARKER = re.compile(r"\s*[~^]+\s*$")
_FOREIGN = re.compile(r"/site-packages/|/dist-packages/|/lib/python3\.\d+/|^<")
# The text of an error of ours says all; its class is of no use to a person.
_OURS = re.compile(r"^gaiaflow\.errors\.\w+: ")
_HINT = "hint: "
_TRACEBACK = "Traceback (most recent call last):"
_LINKS = ("During handling of the above", "The above exception was the direct cause")


@dataclass(frozen=True)
class Frame:
    """One frame of a traceback.

    Attributes:
        code: the line's text, without its indentation; empty where it is not known.
        caret: the line below it, which points at the place; empty where the traceback has none.
    """

    file: str
    line: int
    code: str = ""
    caret: str = ""


@dataclass(frozen=True)
class BrokenFile:
    """A DAG file that does not import.

    Attributes:
        file: as it lies in the folder of DAGs.
        error: the error in one line.
        place: ``file:line`` in the project, of the innermost line of the project's own; empty if unknown.
        code, caret: that line, and what points at it.
        hint: what our own error advises.
    """

    file: str
    error: str
    place: str = ""
    code: str = ""
    caret: str = ""
    hint: str = ""

    @property
    def explained(self) -> str:
        """The error, and below it the place, the line and the caret."""
        lines = [f"  {self.place}"] if self.place else []
        lines += [f"    {line}" for line in (self.code, self.caret) if line.strip()]
        lines += [f"  {_HINT}{self.hint}"] if self.hint else []
        return "\n".join([self.error, *lines])

    def __str__(self) -> str:
        return f"`{self.file}` does not import: {self.explained}"


def broken_file(project: Project, file: str, text: str) -> BrokenFile:
    """What a traceback says of a file.

    Args:
        file: as it lies in the folder of DAGs.
        text: the traceback as Airflow keeps it.
    """
    known = list(frames(text))
    own = [frame for frame in known if _is_in_project(frame.file, project, file)]
    if not own:
        return BrokenFile(file, error_of(text), hint=_hint_of(text))
    at = own[-1]
    code = at.code or _line_of(Path(at.file), at.line)
    caret = at.caret or "^" * len(code)
    place = f"{_shown(at.file, project, file)}:{at.line}"
    return BrokenFile(file, error_of(text), place, code, caret, _hint_of(text))


def explained(project: Project, errors: Mapping[str, str]) -> str:
    """Each file that does not import, one below the other."""
    return "\n".join(str(broken_file(project, file, text)) for file, text in errors.items())


def error_of(text: str) -> str:
    """The error of a traceback in one line, its message whole, without our own hint below it."""
    lines = [line for line in _last_error(text.splitlines()) if line.strip()]
    first = max((n for n, line in enumerate(lines) if line[0].isspace() and _FRAME.match(line)), default=-1)
    after = (n for n in range(first + 1, len(lines)) if _ERROR.match(lines[n]) and lines[n] != _TRACEBACK)
    begin = next(after, None)
    if first < 0 or begin is None:
        return last_line(text)
    said = " ".join(line.strip() for line in lines[begin:] if not line.startswith(_HINT))
    return _OURS.sub("", said)


def _hint_of(text: str) -> str:
    return next((line[len(_HINT) :] for line in text.splitlines() if line.startswith(_HINT)), "")


def frames(text: str) -> Iterator[Frame]:
    """The frames of the last error of a traceback, the innermost last."""
    lines = _last_error(text.splitlines())
    heads = [n for n, line in enumerate(lines) if _FRAME.match(line)]
    for head, end in zip(heads, [*heads, len(lines)][1:], strict=True):
        yield _frame(lines[head:end])


def _last_error(lines: list[str]) -> list[str]:
    links = [n for n, line in enumerate(lines) if is_link(line)]
    return lines[links[-1] :] if links else lines


def is_link(line: str) -> bool:
    """Whether a line of a traceback ties an error to its cause."""
    return line.startswith(_LINKS)


def cause_of(text: str) -> str:
    """The cause of the last error of a traceback; empty where it has none."""
    lines = text.splitlines()
    links = [n for n, line in enumerate(lines) if is_link(line)]
    return error_of("\n".join(lines[: links[-1]])) if links else ""


def _frame(lines: list[str]) -> Frame:
    found = _FRAME.match(lines[0])
    assert found is not None  # noqa: S101 - the caller chose the line by it
    below = [line for line in lines[1:3] if line.startswith("    ")]
    code = below[0] if below else ""
    caret = below[1] if len(below) > 1 and _MARKER.match(below[1]) else ""
    margin = len(code) - len(code.lstrip())
    return Frame(found["file"], int(found["line"]), code.strip(), caret[margin:].rstrip())


def is_own(path: str) -> bool:
    """Whether a file is one that the user may have written: no library's, and not Python's."""
    return not _FOREIGN.search(path)


def _is_in_project(path: str, project: Project, file: str) -> bool:
    """Whether a file is one that the user wrote: in a container the project lies elsewhere."""
    inside = path.startswith(f"{project.root}/") and "/site-packages/" not in path
    return inside or path.endswith(f"/{file}")


def _shown(path: str, project: Project, file: str) -> str:
    """The path as from the project's folder."""
    if path.startswith(f"{project.root}/"):
        return str(Path(path).relative_to(project.root))
    return (
        str((project.dags / file).relative_to(project.root))
        if project.dags.is_relative_to(project.root)
        else file
    )


def _line_of(file: Path, number: int) -> str:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def naming(project: Project, dag: str) -> list[Path]:
    """The files of the folder of DAGs that mention the id of a DAG, as they lie in it."""
    files = [file for file in sorted(project.dags.rglob("*.py")) if file.is_file()]
    return [file.relative_to(project.dags) for file in files if _mentions(file, dag)]


def mentioned(project: Project, dag: str) -> bool:
    """Whether any file of the folder of DAGs, YAML too, mentions the id of a DAG."""
    files = [file for end in ("*.py", "*.yml", "*.yaml") for file in project.dags.rglob(end) if file.is_file()]
    return any(_mentions(file, dag) for file in files)


def _mentions(file: Path, dag: str) -> bool:
    """Whether the id stands there by itself: `flow` is not in `airflow.sdk`."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(dag)}(?![\w-])", file.read_text("utf-8", "replace")))
