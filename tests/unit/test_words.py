"""The words that the glossary rules out: in no page, help text, message, docstring or text of the template."""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gaiaflow"
sys.path.insert(0, str(ROOT / "docs" / "hooks"))

import messages  # noqa: E402
import reference  # noqa: E402

GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
]
TEMPLATE = [
    file
    for file in sorted((PACKAGE / "template").rglob("*"))
    if file.is_file() and "lock" not in file.name and file.suffix != ".csv"
]
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def ruled_out(table: str) -> list[str]:
    """The words in the left column of one of the glossary's tables, `words` or `readers`."""
    text = GLOSSARY.read_text(encoding="utf-8")
    rows = text.split(f"<!-- {table}: begin -->")[1].split(f"<!-- {table}: end -->")[0].splitlines()[3:]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])]


def any_of(words: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, words))})(?![\w-])", re.IGNORECASE)


WORDS = any_of(ruled_out("words"))
# In what users read there are more.
READ = any_of([*ruled_out("words"), *ruled_out("readers")])


def found(text: str, words: re.Pattern[str] = WORDS) -> list[str]:
    """What a text has of them; code in it does not count."""
    return words.findall(" ".join(CODE.sub("`code`", text).split()))


def sources() -> list[Path]:
    """What we write in Python, without the tests."""
    folders = (PACKAGE, ROOT / "bench", ROOT / "docs" / "hooks", ROOT / ".ci")
    files = [
        file for folder in folders for file in sorted(folder.rglob("*.py")) if "template" not in file.parts
    ]
    return [*files, ROOT / "noxfile.py"]


def docstrings() -> Iterator[tuple[str, str]]:
    """Each docstring."""
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                text := ast.get_docstring(node)
            ):
                yield f"{file.relative_to(ROOT)}: {getattr(node, 'name', 'module')}", text


def comments() -> Iterator[tuple[str, str]]:
    """Each line of a comment."""
    for file in sources():
        with file.open("rb") as lines:
            for token in tokenize.tokenize(lines.readline):
                if token.type == tokenize.COMMENT:
                    yield f"{file.relative_to(ROOT)}:{token.start[0]}", token.string


def test_the_glossary_has_words_to_look_for() -> None:
    assert {"verb", "inert", "mend", "anew"} <= set(ruled_out("words"))
    assert {"lies", "meets"} <= set(ruled_out("readers"))
    assert found("The file lies here", READ) == ["lies"]
    assert found("What mends\nit, by somebody\nelse") == ["mends", "somebody else"]
    assert found("`mend`, knowledge, a doorbell") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_none(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert found(text.split("## Words that we do not use")[0] if page == GLOSSARY else text, READ) == []


def test_no_help_text_has_one() -> None:
    texts = {
        f"{c.name} {o.flags if o else ''}": o.text if o else c.text
        for c in reference.commands()
        for o in (None, *c.options)
    }
    assert len(texts) > 200
    assert {name: words for name, text in texts.items() if (words := found(text, READ))} == {}


def test_no_message_has_one() -> None:
    texts = {m.text: f"{m.text} {m.hint}" for m in messages.messages()}
    assert {name: words for name, text in texts.items() if (words := found(text, READ))} == {}


def test_no_docstring_has_one() -> None:
    graphs = ("gaiaflow/dags/graph/", "gaiaflow/result.py")  # a graph has edges
    wrong = {name: words for name, text in docstrings() if (words := found(text))}
    assert {name: words for name, words in wrong.items() if not name.startswith(graphs)} == {}


def test_no_comment_has_one() -> None:
    graphs = "gaiaflow/dags/graph/"  # a graph has edges
    wrong = {place: words for place, text in comments() if (words := found(text))}
    assert {place: words for place, words in wrong.items() if not place.startswith(graphs)} == {}


def test_the_template_has_none() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in TEMPLATE}
    assert {name: words for name, text in texts.items() if (words := found(text, READ))} == {}


def test_each_of_our_words_is_explained_once_and_in_order() -> None:
    ours = re.findall(r"^\| ([^|`]+) \|", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    words = [word for word in ours if word not in ("word", "not")]
    assert words == sorted(set(words), key=str.lower)
