"""The real app in a real browser: each page is opened, looked at and kept as a picture."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from brightfield.experiments.runs.connection import VARIABLE

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_S = 120  # for the first page, which loads torch and MLflow
CONTENT = {  # by page: the number of charts, and words on it
    "": (3, "beads-unet-wide"),
    "data": (0, "of 10 checks found nothing"),
    "runs": (2, "Runs 1 to 6."),
    "compare": (1, "rbc-ensemble and rbc-features are equal on test"),
    "shifts": (1, "Cost of each shift"),
    "confusion": (3, "Correct answers by kind"),
    "errors": (0, "Which images does a model get wrong"),
    "beads": (0, "No movie of this folder has been tracked yet."),
    "ensembles": (2, "Gain on the test split"),
    "tuning": (0, "make tune MODEL=rbc-compact"),
    "registry": (0, "No version of rbc has been registered yet."),
    "predict": (0, "Upload"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"there is no {CHROMIUM}: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app answers for the made-up project."""
    with served(filled, tmp_path_factory.mktemp("log")) as url:
        yield url


@pytest.fixture(scope="module")
def address_of_answers(_answered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it answers for a project with images, and answers of models to them."""
    with served(_answered, tmp_path_factory.mktemp("log")) as url:
        yield url


@contextmanager
def served(folder: Path, logs: Path) -> Iterator[str]:
    """The app in a folder of its own process, as ``make dashboard`` starts it."""
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = logs / "streamlit.log"
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), f"--server.port={port}"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"streamlit does not answer:\n{log.read_text()}")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A tab of a headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=PATIENCE_S * 1000)
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1400, "height": 1000})
        tab.set_default_timeout(PATIENCE_S * 1000)
        yield tab
        browser.close()


def go(page: Page, url: str) -> None:
    """Open a page and wait until it has come to rest."""
    page.goto(url)
    page.wait_for_selector("h1")
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script has run, and what it shows is there."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", state="attached")
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')")


def no_problems(page: Page, beside: str | None = None) -> None:
    """No error, and no warning but one that says ``beside``."""
    for box in ("stException", "stAlert"):
        found = page.get_by_test_id(box)
        if beside is not None:
            found = found.filter(has_not_text=beside)
        assert found.count() == 0, found.first.inner_text()


@pytest.mark.parametrize("name", CONTENT)
def test_a_page(page: Page, address: str, tmp_path: Path, name: str) -> None:
    from playwright.sync_api import expect

    go(page, f"{address}/{name}")
    charts, words = CONTENT[name]
    expect(page.get_by_role("heading", level=1)).to_have_text((name or "overview").capitalize())
    expect(page.get_by_test_id("stMain")).to_contain_text(words)
    expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(charts)
    no_problems(page)
    picture = tmp_path / f"{name or 'overview'}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000  # not an empty page


def test_runs_are_ticked_and_compared(page: Page, address: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    go(page, f"{address}/runs")
    grid = page.get_by_test_id("stDataFrame").first
    grid.wait_for()
    for row in (1, 2):  # a canvas: below the header, in the column of boxes
        grid.click(position={"x": 18, "y": 36 + 35 * row + 17})
    page.get_by_role("tab", name="Curves").click()
    expect(page.locator(".js-plotly-plot:visible .legendtext")).to_have_text(
        ["bacteria-unet"]
    )  # the other has no epochs
    no_problems(page)
    page.screenshot(path=tmp_path / "compared.png")
    assert page.context.browser is not None
    other = page.context.browser.new_page()
    go(other, page.url)  # as a colleague opens the link
    other.get_by_role("tab", name="Curves").click()
    expect(other.locator(".js-plotly-plot:visible .legendtext")).to_have_text(["bacteria-unet"])
    other.close()


def test_a_click_on_a_cell_of_a_matrix_opens_its_images(page: Page, address_of_answers: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    go(page, f"{address_of_answers}/confusion?confusion-task=bacteria")
    cells = page.locator(".js-plotly-plot").first.locator(".scatterlayer .trace").first.locator(".point")
    expect(cells).to_have_count(9)
    box = max((cells.nth(i).bounding_box() for i in range(3, 6)), key=lambda each: each["y"])  # second column, last row
    assert box is not None
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Errors")
    settle(page)
    assert "errors-cell-bacteria=contour+as+body" in page.url
    expect(page.get_by_test_id("stMain")).to_contain_text("pixels confused so")
    expect(page.get_by_test_id("stMain").locator("img").first).to_be_visible()
    no_problems(page)
    page.screenshot(path=tmp_path / "cell.png")


def test_the_microscope_zooms_all_panes_and_steps_through_images(
    page: Page, address_of_answers: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    go(page, f"{address_of_answers}/errors?errors-task=bacteria&errors-beside-bacteria=bacteria-watershed")
    page.get_by_role("button", name="Look closer").first.click()
    microscope = page.locator(".microscope")
    expect(microscope.locator(".pane .title b")).to_have_text(["truth", "bacteria-again", "bacteria-watershed"])
    bars = microscope.locator(".bar")
    expect(bars).to_have_text([re.compile("[0-9] \u00b5m")] * 3)
    whole = bars.all_inner_texts()
    first = microscope.locator(".frame").first
    first.hover()
    for _ in range(10):
        page.mouse.wheel(0, -300)
    expect(bars.first).not_to_have_text(whole[0])
    page.wait_for_timeout(600)  # the panes come to rest
    assert len(set(bars.all_inner_texts())) == 1  # all show the same
    with page.expect_response(lambda answer: "fills=1" in answer.url and answer.status == 200):
        microscope.get_by_role("button", name="Fill").click()
    with page.expect_response(lambda answer: "black=" in answer.url and answer.status == 200):
        microscope.get_by_role("slider", name="What is shown white").fill("60")

    microscope.get_by_role("button", name="Profile").click()
    box = first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 220, steps=4)
    page.mouse.up()
    expect(microscope.locator("polyline")).to_have_count(1)  # all panes show the same photograph
    expect(microscope.locator(".profile")).to_contain_text("grey values")

    before = page.url
    microscope.focus()
    page.keyboard.press("n")
    expect(page.get_by_test_id("stMain")).to_contain_text("2 of 6")
    settle(page)
    assert page.url != before
    expect(bars).to_have_text([re.compile("[0-9] \u00b5m")] * 3)
    expect(microscope.locator(".note")).to_have_text("")
    no_problems(page)
    page.screenshot(path=tmp_path / "microscope.png")


def test_a_comparison_is_one_file_to_send(page: Page, address_of_answers: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    go(page, f"{address_of_answers}/compare?compare-task=rbc")
    expect(page.get_by_test_id("stMain")).to_contain_text("is better on test")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download this comparison").click()
    file = download.value.path().rename(tmp_path / "comparison.html")
    assert page.context.browser is not None
    context = page.context.browser.new_context(offline=True)
    other = context.new_page()
    other.goto(file.as_uri())
    expect(other.get_by_role("heading", level=1)).to_have_text("rbc-compact against rbc-convnet")
    expect(other.locator(".main-svg").first).to_be_visible()  # the figure, without a network
    expect(other.get_by_role("cell", name="AUC", exact=True)).to_be_visible()
    context.close()


def test_two_people_see_their_own_choices(page: Page, address_of_answers: str) -> None:
    from playwright.sync_api import expect

    go(page, f"{address_of_answers}/errors")
    assert page.context.browser is not None
    other = page.context.browser.new_context().new_page()
    go(other, f"{address_of_answers}/errors")
    page.get_by_role("radio", name="bacteria").click()
    settle(page)
    page.get_by_role("button", name="Look closer").first.click()
    expect(page.locator(".microscope .pane")).to_have_count(2)
    other.get_by_role("button", name="Reload").click()
    settle(other)
    expect(other.get_by_role("radio", name="rbc")).to_be_checked()
    assert "errors-image" not in other.url
    expect(page.get_by_role("radio", name="bacteria")).to_be_checked()
    expect(page.locator(".microscope .pane")).to_have_count(2)
    other.context.close()


def test_an_uploaded_image_is_answered(page: Page, address: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = image[50:70, 60:80] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    go(page, f"{address}/predict")
    page.get_by_role("radio", name="bacteria").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("champion: bacteria-watershed, version 1")
    settle(page)  # or the file goes to the box of the task before
    page.locator("input[type=file]").set_input_files(tmp_path / "cells.tif")
    page.get_by_test_id("stMain").locator("img").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="labels (TIFF)").click()
    assert set(np.unique(tifffile.imread(download.value.path()))) == {0, 1, 2}
    assert download.value.suggested_filename == "cells_labels.tif"
    no_problems(page, beside="answers are doubtful")  # a threshold knows little of how sure it is
    page.screenshot(path=tmp_path / "answered.png")
