"""One file for a colleague: all of it is in it, and nothing that came from outside is taken for HTML."""

from __future__ import annotations

import html
import re

import pandas as pd
import plotly.graph_objects as go

from queries import sending

METRICS = pd.DataFrame({"metric": ["AUC"], "better": ["<b>net</b>"]})


def written(**changes: object) -> str:
    content = {
        "names": ["net", "other"],
        "sentences": ["net is better."],
        "figure": go.Figure(go.Scatter(x=[1], y=[2])),
        "metrics": METRICS,
        "images": [("test/a, AUC", [b"one", b"two"])],
        **changes,
    }
    return sending.comparison(**content).decode()  # type: ignore[arg-type]


def test_all_is_in_the_file() -> None:
    page = written()
    assert "<h1>net against other</h1>" in page
    assert "<p>net is better.</p>" in page
    assert page.count("<img alt=") == 2
    assert "data:image/png;base64,b25l" in page
    assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?:', page)


def test_names_are_no_html() -> None:
    page = written(
        names=["<script>alert(1)</script>", '" onload="x'],
        sentences=["a < b & c"],
        images=[("<img src=x>", [b"", b""])],
    )
    assert "<script>alert(1)" not in page
    assert html.escape('" onload="x') in page
    assert "a &lt; b &amp; c" in page
    assert "&lt;img src=x&gt;" in page
    assert "&lt;b&gt;net&lt;/b&gt;" in page  # in a table, too


def test_without_pictures_nothing_is_said_of_them() -> None:
    assert "differ most" not in written(images=[])
