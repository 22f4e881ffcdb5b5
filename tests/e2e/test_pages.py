"""What a person sees in a browser: Airflow with the DAG and its green runs, MLflow with the figure.

Each page is kept as it was at the end of its test, passed or failed, in `artefacts/screenshots`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import ARGUMENTS, CHROMIUM, SCREENSHOTS
from composed_example import MODES, Composed, Run
from example_stack import PACKAGE

from gaiaflow.infra.images.engine import engine_answers

PATIENCE = 60_000
# The fill may be written as any of CSS's colours: a canvas says which pixel it makes.
PIXEL = """element => {
  const brush = new OffscreenCanvas(1, 1).getContext("2d");
  brush.fillStyle = getComputedStyle(element).backgroundColor;
  brush.fillRect(0, 0, 1, 1);
  return [...brush.getImageData(0, 0, 1, 1).data];
}"""
OPERATORS = {"dev": "DevOperator", "dev_docker": "DevDockerOperator"}
pytestmark = [
    pytest.mark.engine,
    pytest.mark.browser,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: `chromium` is not on PATH"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Starts Chromium with a profile in this folder."""
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:

        def start(profile: Path) -> Any:
            context = driver.chromium.launch_persistent_context(
                profile, executable_path=CHROMIUM, args=ARGUMENTS, viewport={"width": 1400, "height": 900}
            )
            context.set_default_timeout(PATIENCE)
            return context

        yield start


@pytest.fixture(scope="module")
def browser(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a profile of its own."""
    context = chromium(tmp_path_factory.mktemp("profile"))
    yield context
    context.close()


@pytest.fixture(scope="module")
def airflow(browser: Any, stack: Composed, runs: dict[str, Run]) -> str:
    """Airflow's address, after a login with the printed credentials."""
    printed = stack.credentials()["airflow"]
    page = browser.new_page()
    page.goto(printed["url"])
    page.locator("input[name=username]").fill(printed["user"])
    page.locator("input[name=password]").fill(printed["secret"])
    page.locator("button[type=submit]").click()
    playwright.expect(page.get_by_test_id("nav-dags-link")).to_be_visible()
    page.close()
    return printed["url"]


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = browser.new_page()
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")
    page.close()


def is_green(badge: Any) -> bool:
    """Whether the fill of what is shown is more green than red or blue."""
    red, green, blue = badge.evaluate(PIXEL)[:3]
    return green > 1.5 * max(red, blue)


def test_airflow_lists_the_dag(airflow: str, page: Any) -> None:
    page.goto(f"{airflow}/dags")
    playwright.expect(page.get_by_role("link", name="co2_forecast", exact=True)).to_be_visible()
    playwright.expect(page.get_by_text("1 Dag", exact=True)).to_be_visible()


@pytest.mark.parametrize("mode", MODES)
def test_airflow_shows_a_green_run(airflow: str, page: Any, runs: dict[str, Run], mode: str) -> None:
    page.goto(runs[mode].airflow_url)
    badge = page.get_by_test_id("header-card").get_by_test_id("state-badge")
    playwright.expect(badge).to_have_text("Success")
    assert is_green(badge)
    states = page.get_by_test_id("table-list").get_by_test_id("state-badge")
    playwright.expect(states).to_have_text(["Success"] * 3)
    operators = page.get_by_test_id("table-cell-operator_name")
    playwright.expect(operators).to_have_text([OPERATORS[mode]] * 3)


@pytest.mark.parametrize("mode", MODES)
def test_mlflow_shows_the_figure(page: Any, runs: dict[str, Run], mode: str) -> None:
    page.goto(f"{runs[mode].mlflow_url}/artifacts/figures/backtest.png")
    figure = page.locator("img[src^='blob:']:visible").last
    playwright.expect(figure).to_be_visible()
    figure.evaluate("image => image.decode()")
    assert figure.evaluate("image => image.naturalWidth") > 600
    assert figure.bounding_box()["width"] > 300


def opened(stack: Composed, service: str, browser: Any, folder: Path) -> tuple[Any, str, str]:
    """`dev.open` with this browser: its page, the address that it was given, what the command printed."""
    given, program = folder / "given", folder / "browser"
    program.write_text(f'#!/bin/sh\necho "$*" > {given}.part && mv {given}.part {given}\n')
    program.chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "BROWSER": str(program)}
    command = subprocess.Popen(
        [sys.executable, "-m", "invoke", "dev.open", service],
        cwd=stack.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        ends = time.monotonic() + 60
        while not given.exists() and command.poll() is None and time.monotonic() < ends:
            time.sleep(0.1)
        page = browser.new_page()
        page.goto(given.read_text().strip())
        said = command.communicate(timeout=60)[0]
    finally:
        command.kill()
        command.wait()
    assert command.returncode == 0, said
    return page, given.read_text().strip(), said


def test_open_signs_in_to_airflow_and_shows_no_password(stack: Composed, chromium: Any, tmp_path: Path) -> None:
    printed = stack.credentials()["airflow"]
    browser = chromium(tmp_path / "profile")
    page, address, said = opened(stack, "airflow", browser, tmp_path)
    playwright.expect(page.get_by_test_id("nav-dags-link")).to_be_visible()
    assert page.url.startswith(printed["url"])
    (session,) = [cookie["value"] for cookie in browser.cookies() if cookie["name"] == "_token"]
    with pytest.raises(playwright.Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(address)
    browser.close()
    history = (tmp_path / "profile" / "Default" / "History").read_bytes()
    assert printed["url"].encode() in history
    logs = stack.inv("dev.logs", "--all", "--service", "airflow", "--lines", "2000")
    for secret in (printed["secret"], session):
        assert secret not in address + said + logs
        assert secret.encode() not in history


def test_open_signs_in_to_jupyter(stack: Composed, chromium: Any, tmp_path: Path) -> None:
    printed = stack.credentials()["jupyter"]
    browser = chromium(tmp_path / "profile")
    page, address, said = opened(stack, "jupyter", browser, tmp_path)
    assert page.url.startswith(f"{printed['url']}/lab")
    assert page.request.get(f"{printed['url']}/api/contents").ok
    browser.close()
    assert printed["secret"] not in address + said
