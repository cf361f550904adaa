"""Tuning studies in the look of the pages."""

from __future__ import annotations

import plotly.graph_objects as go

from figures import studies
from figures.style import FONT


def test_a_figure_keeps_its_size_and_gets_the_font_of_the_pages() -> None:
    figure = go.Figure(go.Bar(x=[1], y=["a"]))
    figure.update_layout(height=190, margin={"l": 60, "r": 8, "t": 32, "b": 8}, bargap=0.25, title="a title of its own")
    studies.fit(figure)
    assert (figure.layout.height, figure.layout.margin.l, figure.layout.margin.t) == (190, 60, 32)
    assert figure.layout.bargap == 0.25
    assert figure.layout.font.family == FONT


def test_a_figure_without_bars_has_the_usual_gap() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[2])).update_layout(height=300)
    assert studies.fit(figure).layout.bargap == 0.35
