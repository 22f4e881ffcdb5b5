"""Links of all pages, offline: files and anchors exist, on a code host too; other hosts are known ones."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import pages

ROOT = pages.ROOT
FILES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT", "CHANGELOG")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / "gaiaflow" / "template" / f"{name}.md.jinja" for name in ("README", "AGENTS", "CHANGES")),
]
NAMES = [file.relative_to(ROOT).as_posix() for file in FILES]
# A new host is a decision: a reader goes there, and nobody here looks whether it still answers.
HOSTS = {
    "astronomer.github.io",
    "copier.readthedocs.io",
    "docs.dagster.io",
    "docs.kedro.org",
    "docs.metaflow.org",
    "docs.prefect.io",
    "docs.zenml.io",
    "github.com",
    "kubernetes.io",
    "kueue.sigs.k8s.io",
    "www.astronomer.io",
    "www.statsmodels.org",
}
LINK = re.compile(r"\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)|<(https?://[^>\s]+)>")
CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def links(file: Path) -> list[str]:
    """Where the links and pictures of a page lead, without those in code."""
    found = LINK.findall(CODE.sub("``", file.read_text(encoding="utf-8")))
    return [link or alone for link, alone in found]


@cache
def anchors(file: Path) -> set[str]:
    """Where a link into a page may lead: what MkDocs and a code host both make of a heading, own anchors."""
    text = re.sub(r"^( *)```.*?^\1```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", head) for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    kept = [re.sub(r"[^\w\s-]", "", head).strip().lower() for head in plain]
    on_both = {re.sub(r"\s", "-", head) for head in kept} & {re.sub(r"[-\s]+", "-", head) for head in kept}
    return on_both | set(re.findall(r'<a id="([^"]+)">', text))


def wrong(file: Path, link: str) -> str:
    """What is wrong with a link of a page; empty where nothing is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        known = parts.scheme == "mailto" or (parts.scheme == "https" and parts.netloc in HOSTS)
        return "" if known else f"{link}: not https, or a host that is not listed"
    target = (file.parent / parts.path).resolve() if parts.path else file
    if not target.exists():
        return f"{link}: no such file"
    if (ROOT / "docs") in file.parents and (ROOT / "docs") not in target.parents:
        return f"{link}: outside of the pages"
    if parts.fragment and parts.fragment not in anchors(target):
        return f"{link}: no such anchor"
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    file = ROOT / name
    assert [told for link in links(file) if (told := wrong(file, link))] == []


def test_the_pages_have_links_of_each_kind() -> None:
    found = [link for file in FILES for link in links(file)]
    assert len(found) > 150
    assert sum("#" in link and not link.startswith("http") for link in found) > 30


@pytest.mark.parametrize(
    "link",
    ["none.md", "install.md#nowhere", "#nowhere", "http://github.com", "https://example.org", "../README.md"],
)
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    assert wrong(ROOT / "docs" / "index.md", link)


def test_a_host_that_no_page_names_is_not_listed() -> None:
    named = {urlsplit(link).netloc for file in FILES for link in links(file)}
    assert HOSTS - named == set()
