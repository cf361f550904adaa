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

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
PICTURE = ROOT / "docs" / "images" / "dashboard.png"
SIZE = {"width": 1280, "height": 800}
PATIENCE_S = 240
AT_REST = "!document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"


def main() -> None:
    """Start the dashboard, open its first page, write the picture."""
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
        page.goto(url)
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", state="attached")
        page.wait_for_function(AT_REST)
        page.wait_for_timeout(1500)  # figures draw themselves
        page.screenshot(path=PICTURE)
        browser.close()
    print(PICTURE)


if __name__ == "__main__":
    main()
