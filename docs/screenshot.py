"""Photograph the dashboard of the current folder's project, for the README: ``python docs/screenshot.py`` after ``make repro``.

Needs Chromium. The project may lie elsewhere: run it there, and name this script by its path.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
PICTURES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
# what is opened, and of which part of it a picture is taken; None: of all that is seen
PAGES = {"dashboard.png": ("", None), "microscope.png": ("errors?errors-task=bacteria", ".microscope")}
PATIENCE_S = 240
AT_REST = "!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"


def main() -> None:
    """Start the dashboard, open its pages, write the pictures."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py"), "--server.headless=true"]
    with subprocess.Popen([*app, "--server.address=127.0.0.1", f"--server.port={port}"]) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health")
            _photograph(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def _wait(url: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
    raise SystemExit(f"error: The dashboard does not answer at {url}.")


def _photograph(url: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE_S * 1000)
        for name, (place, part) in PAGES.items():
            page.goto(f"{url}/{place}")
            page.wait_for_selector("h1")
            _rest(page)
            if part is not None:
                page.get_by_role("button", name="Look closer").first.click()
                page.locator(f"{part} .bar").first.wait_for()
                _rest(page)
            page.wait_for_timeout(2500)  # figures draw themselves, tiles come
            (page if part is None else page.locator(part)).screenshot(path=PICTURES / name)
            _make_small(PICTURES / name)
            print(PICTURES / name)
        browser.close()


def _make_small(path: Path) -> None:
    """Write a picture with 256 colours, rare ones among them, which is half as large and looks the same."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def _rest(page: Any) -> None:
    """Wait until the script has run, and what it shows is there."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", state="attached")
    page.wait_for_function(AT_REST)


if __name__ == "__main__":
    main()
