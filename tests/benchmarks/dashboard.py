"""How long pages of the dashboard take in a real browser: with a store of 20,000 runs, 5,000 scored crops and fields of 2048 px."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import default_run
import numpy as np
import psutil
from claims import Claim, TextRow
from ruamel.yaml import YAML

import many_runs
import scored
from brightfield.experiments import runs

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
RUNS, CROPS_OF_A_GROUP, GROUPS = 20_000, 50, 100
SIZE_PX, FIELDS = 2048, 8
COLD_S, WARM_S, ANY_PAGE_S, WORST_S, FIELD_S, MOST_GB = 2.5, 0.7, 5.0, 1.0, 1.0, 1.5
CLICKS, TIMES = 200, 5
PATIENCE_MS = 300_000
RESTS = "[data-testid=stApp][data-test-script-state=notRunning]"
DRAWN = "!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"


def rows() -> Iterator[Claim | TextRow]:
    """One project for all: written once, read by a new server for each cold start."""
    if not CHROMIUM.is_file():
        yield "the dashboard in a browser", f"skipped: there is no {CHROMIUM}", ""
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as top, sync_playwright() as tools:
        folder = Path(top, "project")
        _fill(folder)
        # with its cache, as somebody has it who uses the dashboard
        browser = tools.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(PATIENCE_MS)
        yield from _floors(context, Path(top))
        for page in ("overview", "runs"):
            with _served(folder) as (url, _):
                yield _claim(f"{page}, the first page of a new server", _opened(context, url, page), COLD_S)
                yield _claim(f"{page}, by a click in the menu", _switched(context, url, page), WARM_S)
                again = [_opened(context, url, page) for _ in range(TIMES)]
                yield f"{page}, loaded anew", f"{np.median(again):.2f} s", ""
        with contextlib.chdir(folder):
            yield "the newest 2,000 runs by mlflow.search_runs", f"{_timed(lambda: runs.search(limit=2000)):.2f} s", ""
        with _served(folder) as (url, process):
            yield from _pages(context, url)
            yield from _looking(context, url)
            yield _clicked(context, url, process)


def _floors(context: Any, top: Path) -> Iterator[TextRow]:
    """What Streamlit itself takes in this browser: no page of ours is quicker."""
    for what, line in (
        ("an empty page", ""),
        ("a page with one chart of two points", "st.line_chart([1, 2])"),
        ("a page with one plotly chart", "import plotly.express; st.plotly_chart(plotly.express.line([1, 2]))"),
    ):
        app = top / "floor.py"
        app.write_text(f"import streamlit as st\nst.title('Empty')\n{line}\n", encoding="utf-8")
        with _served(top, app) as (url, _):
            _opened(context, url, "overview")
            again = [_opened(context, url, "overview") for _ in range(TIMES)]
            yield f"{what} of Streamlit, loaded anew", f"{np.median(again):.2f} s", ""


def _fill(folder: Path) -> None:
    default_run.clone(folder)
    yaml, path = YAML(), folder / "params.yaml"
    content = yaml.load(path)
    content["simulations"]["bacteria"].update(size_px=SIZE_PX, images=FIELDS * 5, suites=[])
    yaml.dump(content, path)
    default_run.command(folder, "dvc", "repro", "prepare@bacteria")
    for stage in ("train", "evaluate"):
        default_run.command(folder, "brightfield", stage, "bacteria-watershed")
    with contextlib.chdir(folder):
        for seed, name in enumerate(("rbc-features", "rbc-convnet")):
            crops = scored.crops({"test": 1.0 + seed}, seed=seed, groups=GROUPS, each=CROPS_OF_A_GROUP)
            scored.write_report(name, crops)
        many_runs.write(folder, RUNS)


@contextmanager
def _served(folder: Path, script: Path = ROOT / "dashboard" / "app.py") -> Iterator[tuple[str, psutil.Process]]:
    """The address of a new server, once it says that it is ready, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = [sys.executable, "-m", "streamlit", "run", str(script), "--server.address=127.0.0.1", f"--server.port={port}"]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with subprocess.Popen(app, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while process.poll() is None:
                with contextlib.suppress(urllib.error.URLError, TimeoutError):
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                    break
                time.sleep(0.1)
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def _opened(context: Any, url: str, page: str) -> float:
    """Seconds until a page in a new tab has come to rest."""
    tab = context.new_page()
    try:
        return _timed(lambda: _go(tab, _address(url, page)))
    finally:
        tab.close()


def _switched(context: Any, url: str, page: str) -> float:
    """Seconds until a page has come to rest that was visited before, from another one; the median of some times."""
    tab = context.new_page()
    _go(tab, _address(url, page))
    took = []
    for _ in range(TIMES):
        _menu(tab, "shifts")
        took.append(_timed(lambda: _menu(tab, page)))
    tab.close()
    return float(np.median(took))


def _menu(tab: Any, page: str) -> None:
    tab.get_by_test_id("stSidebarNav").get_by_role("link", name=page.capitalize(), exact=True).click()
    tab.wait_for_selector(f"h1:has-text('{page.capitalize()}')")
    _rest(tab)


def _address(url: str, page: str) -> str:
    return f"{url}/{'' if page == 'overview' else page}"


def _go(tab: Any, url: str) -> None:
    tab.goto(url)
    tab.wait_for_selector("h1")
    _rest(tab)


def _rest(tab: Any) -> None:
    tab.wait_for_selector(RESTS, state="attached")
    tab.wait_for_function(DRAWN)


def _pages(context: Any, url: str) -> Iterator[Claim]:
    from pages import PAGES

    took = {page: _opened(context, url, page) for page in PAGES}
    slowest = max(took, key=lambda page: took[page])
    yield _claim(f"the slowest page at its first visit: {slowest}", took[slowest], ANY_PAGE_S)


def _looking(context: Any, url: str) -> Iterator[Claim]:
    tab = context.new_page()
    _go(tab, f"{url}/errors?errors-task=rbc")

    def other_model() -> None:
        tab.get_by_role("combobox", name="Model").click()
        tab.get_by_role("option", name="rbc-features").click()
        tab.get_by_text("bad, answered good").first.wait_for()
        _rest(tab)

    yield _claim(
        f"the worst answers to {GROUPS * CROPS_OF_A_GROUP:,} crops, of a model that was not shown yet",
        _timed(other_model),
        WORST_S,
    )
    _go(tab, f"{url}/errors?errors-task=bacteria")

    def field(number: int) -> None:
        shown = tab.locator(".microscope[data-drawn]")  # of which image: said once all its tiles are there
        before = shown.get_attribute("data-drawn") if shown.count() else ""
        tab.get_by_role("button", name="Look closer").nth(number).click()
        tab.locator(f".microscope[data-drawn]:not([data-drawn='{before}'])").wait_for()

    yield _claim(
        f"a field of {SIZE_PX} px with truth and answer opens in the microscope", _timed(lambda: field(0)), FIELD_S
    )
    field(1)
    yield _claim("the same, looked at before", _timed(lambda: field(0)), FIELD_S)
    tab.close()


def _clicked(context: Any, url: str, process: psutil.Process) -> Claim:
    """Memory of the server after many clicks, on pages with images above all."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    from pages import PAGES

    tab = context.new_page()
    most = 0
    for click in range(CLICKS):
        if click % 4 == 0:
            _go(tab, f"{url}/errors?errors-task={'bacteria' if click % 8 else 'rbc'}")
        elif click % 4 == 3:
            _menu(tab, PAGES[click // 4 % len(PAGES)])
        else:
            buttons = tab.get_by_role("button", name="Look closer")
            if buttons.count():  # crops were scored without images: theirs go again
                with contextlib.suppress(PlaywrightTimeout):
                    buttons.nth(click % buttons.count()).click(timeout=5000)
                _rest(tab)
        most = max(most, process.memory_info().rss)
    tab.close()
    return Claim(f"memory of the server over {CLICKS} clicks, at most", most / 1e9, "GB", aim=MOST_GB)


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _claim(what: str, seconds: float, aim: float) -> Claim:
    return Claim(f"{what}: seconds", seconds, "s", aim=aim)
