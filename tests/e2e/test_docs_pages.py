"""Ten pages of the documentation, as a person sees them who opens the built folder: `nox -s docs` builds it.

Each is looked at on a wide and on a narrow screen, in light and in dark, and kept in
`artefacts/screenshots/docs`; two of these four in CI. The search is used in the folder and on a server.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chromium import ARGUMENTS, CHROMIUM, SCREENSHOTS

SITE = Path(__file__).parents[2] / "artefacts" / "site"
PAGES = (
    "index",
    "install",
    "first-steps",
    "tutorial",
    "concepts/task",
    "modes",
    "how-to/dags",
    "reference/commands",
    "reference/errors",
    "compare",
)
SCREENS = {"wide": (1300, 900), "narrow": (390, 844)}
SCHEMES = {"light": "default", "dark": "slate"}
PATIENCE = 30_000
BROKEN = "images => images.filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: `chromium` is not on PATH"),
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="no site: `nox -s docs` builds it"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


# In CI each screen and each scheme once.
LOOKS = [
    ("wide", "light"),
    ("narrow", "dark"),
    pytest.param(("wide", "dark"), marks=pytest.mark.full),
    pytest.param(("narrow", "light"), marks=pytest.mark.full),
]


@pytest.fixture(params=LOOKS, ids="-".join)
def reader(browser: Any, request: pytest.FixtureRequest) -> Iterator[tuple[Any, str, str]]:
    """A page of a new browser with this screen and this wish of the reader's system."""
    screen, scheme = request.param
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    yield context.new_page(), screen, scheme
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_in_the_colours_that_the_reader_wants(
    reader: tuple[Any, str, str], name: str
) -> None:
    page, screen, scheme = reader
    page.goto((SITE / f"{name}.html").as_uri())
    SCREENSHOTS.joinpath("docs").mkdir(parents=True, exist_ok=True)
    kept = SCREENSHOTS / "docs" / f"{name.replace('/', '-')}-{screen}-{scheme}.png"
    page.screenshot(path=kept, animations="disabled")
    assert page.locator("body").get_attribute("data-md-color-scheme") == SCHEMES[scheme]
    assert page.locator("h1").count() == 1
    assert page.locator("article img").evaluate_all(BROKEN) == []
    assert page.evaluate(OVERFLOW) <= 0
    assert kept.stat().st_size > 10_000


class Quiet(SimpleHTTPRequestHandler):
    """A web server's side of a connection, without a line for each request."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(params=["folder", "server"])
def site(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the built pages: the folder itself, and the same folder on a server of this machine."""
    if request.param == "folder":
        yield SITE.as_uri()
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_search_finds_a_page_and_opens_it(browser: Any, site: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    foreign: list[str] = []
    own = (site, "data:", "about:")
    page.on("request", lambda asked: asked.url.startswith(own) or foreign.append(asked.url))
    page.goto(f"{site}/index.html")
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially("papermill", delay=30)
    first = page.locator(".md-search-result__link").first
    assert "recipes/" in (first.get_attribute("href") or "")
    first.click()
    page.wait_for_url(f"{site}/recipes/**")
    assert "papermill" in page.locator("article").inner_text()
    assert foreign == []
    page.close()


def test_search_says_so_when_it_finds_nothing(browser: Any, site: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{site}/index.html")
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially("xylophone", delay=30)
    page.get_by_text("No matching documents").wait_for()
    assert page.locator(".md-search-result__link").count() == 0
    page.close()
