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

import mixable
from brightfield import layout, params
from brightfield.data import store, versions
from brightfield.data.store import ImageSet
from brightfield.experiments.runs.connection import VARIABLE
from brightfield.system import versioning
from brightfield.system.files import write_json
from conftest import write_prepared

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_S = 120  # for the first page, which loads torch and MLflow
CONTENT = {  # by page: the number of charts, and words on it
    "": (0, "beads-unet-wide"),
    "data": (0, "of 10 checks found nothing"),
    "runs": (1, "Runs 1 to 6."),
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
def served(folder: Path, logs: Path, *arguments: str) -> Iterator[str]:
    """The app in a folder of its own process, as ``make dashboard`` starts it."""
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", dirs_exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = logs / "streamlit.log"
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), f"--server.port={port}"]
    command += ["--", *arguments] if arguments else []
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
    for drawing in page.locator(".drawing").all():
        expect(drawing.locator("circle, rect").first).to_be_visible()
        expect(drawing.locator("text").first).to_be_visible()
    expect(page.locator(".drawing")).to_have_count(0 if name else 3)
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


def test_the_truth_is_corrected_and_saved_as_a_version(
    page: Page, answered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    folder = tmp_path / "lab"
    shutil.copytree(answered, folder, ignore=shutil.ignore_patterns(".streamlit"))
    monkeypatch.chdir(folder)
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, check=True)
    splits = [ImageSet.prepared(layout.prepared("bacteria"), split) for split in ("train", "validation", "test")]
    layout.raw("bacteria").mkdir(parents=True)
    store.write_raw(layout.raw("bacteria"), (record for each in splits for record in each), {"origin": "imported"})
    versioning.track(layout.raw("bacteria"))
    record = splits[-1][0]
    rows, columns = np.nonzero(record.fields["labels"] == 1)
    with served(folder, tmp_path, "--allow-changes") as url:
        go(page, f"{url}/errors?errors-task=bacteria&errors-image=test/{record.id}")
        microscope = page.locator(".microscope")
        microscope.and_(page.locator("[data-drawn]")).wait_for()
        words_of_truth = microscope.locator(".pane .title span").first
        expect(words_of_truth).to_have_text("4 cells")
        erase = microscope.get_by_role("button", name="Erase cell")
        erase.click()
        expect(microscope.locator(".note")).to_have_text("Click on a cell of the truth.")
        box = microscope.locator(".frame").first.bounding_box()
        assert box is not None
        scale = min(box["width"], box["height"]) / 64  # the whole image is shown, in the middle
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        at = [m + (float(np.mean(each)) + 0.5 - 32) * scale for m, each in zip(middle, (columns, rows), strict=True)]
        page.mouse.click(*at)
        expect(words_of_truth).to_have_text("3 cells")
        expect(erase).to_have_attribute("aria-pressed", "true")  # for the next cell
        page.get_by_role("button", name="Undo (1)").click()
        expect(words_of_truth).to_have_text("4 cells")
        microscope.and_(page.locator("[data-drawn]")).wait_for()
        box = microscope.locator(".frame").first.bounding_box()
        assert box is not None
        at[1] += box["y"] + box["height"] / 2 - middle[1]  # the page may have moved
        page.mouse.click(*at)
        expect(words_of_truth).to_have_text("3 cells")
        page.screenshot(path=tmp_path / "corrected.png")
        for name, text in (("Your name", "Anna"), ("Why", "a shadow")):
            page.get_by_label(name, exact=True).fill(text)
            page.keyboard.press("Tab")
            settle(page)
        page.get_by_role("button", name="Save as a new version").click()
        expect(page.get_by_test_id("stAlert")).to_contain_text("1 image corrected: version 2 of bacteria.")
        page.screenshot(path=tmp_path / "saved.png")
        go(page, f"{url}/data?dataset=bacteria")
    made = versions.history("bacteria")[1]
    assert (made.who, made.why, list(made.corrections)) == ("Anna", "a shadow", [record.id])
    names = list(ImageSet.raw(layout.raw("bacteria")).index["id"])
    assert versions.images("bacteria", 2)[names.index(record.id)].fields["labels"].max() == 3
    assert versions.images("bacteria", 1)[names.index(record.id)].fields["labels"].max() == 4


def test_an_ensemble_is_built_by_hand_and_saved(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import expect

    folder = tmp_path / "lab"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_prepared(layout.prepared(mixable.TASK), mixable.KIND)
    mixable.make(mixable.entries(), spread=0.05)
    with served(folder, tmp_path, "--allow-changes") as url:
        go(page, f"{url}/ensembles?ensembles-made=by+hand&mix-members-denoise=first&mix-members-denoise=third")
        expect(page.get_by_role("heading", name="On the validation split")).to_be_visible()
        entry = page.get_by_test_id("stCode")
        expect(entry).to_contain_text("method: soft_vote")
        page.get_by_label("Weight of first").fill("9")
        page.keyboard.press("Enter")
        settle(page)
        expect(entry).to_contain_text("first: 9.0")
        page.get_by_text("Score on the test split").click()
        expect(page.get_by_role("heading", name="On the test split")).to_be_visible()
        settle(page)
        expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(2)
        page.screenshot(path=tmp_path / "mixture.png")
        page.get_by_role("button", name="Save to params.yaml").click()
        expect(page.get_by_test_id("stAlert")).to_contain_text("denoise-by-hand is in params.yaml.")
        expect(page.get_by_role("button", name="Build and register")).to_be_visible()
    assert params.load().ensembles["denoise-by-hand"].weights == {"first": 9.0, "third": 1.0}


def test_a_point_of_the_map_opens_its_image(page: Page, answered: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    folder = tmp_path / "lab"
    shutil.copytree(answered, folder, ignore=shutil.ignore_patterns(".streamlit"))
    audit = {
        "problems": [],
        "warnings": [],
        "counts": {"test": {"images": 6, "groups": 3}},
        "saturated": 0,
        "checks": [],
    }
    write_json(folder / layout.prepared("bacteria") / layout.AUDIT, audit)
    with served(folder, tmp_path) as url:
        go(page, f"{url}/data?dataset=bacteria&data-map-bacteria=true")
        points = page.locator(".js-plotly-plot").last.locator(".scatterlayer .point")
        expect(points).to_have_count(18)
        points.nth(4).scroll_into_view_if_needed()
        box = points.nth(4).bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator(".microscope .pane .title span")).to_have_text("4 cells")
        page.locator(".microscope[data-drawn]").wait_for()
        page.screenshot(path=tmp_path / "map.png")


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
