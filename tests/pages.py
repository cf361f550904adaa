"""Drive the dashboard without a browser, for tests of its pages."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[1] / "dashboard" / "menu.py"
PAGES = tuple(re.findall(r"views/(\w+)\.py", APP.read_text(encoding="utf-8")))  # in the order of the menu


def start() -> AppTest:
    """The app before its first run, which costs most of a second: tests of several pages share one."""
    return AppTest.from_file(str(APP), default_timeout=60)


def open_page(name: str, app: AppTest | None = None) -> AppTest:
    """A page; the overview is opened first, if at all: it is where an app begins."""
    app = start() if app is None else app
    if name != PAGES[0]:
        app.switch_page(f"views/{name}.py")
    app.run()
    assert not app.exception, f"{name}: {app.exception[0].message}"
    return app


def problems(app: AppTest) -> list[str]:
    return [element.value for element in [*app.error, *app.warning]]


def text(app: AppTest) -> str:
    """All that is written."""
    return "\n".join(element.value for element in [*app.title, *app.subheader, *app.markdown, *app.caption, *app.code])


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))
