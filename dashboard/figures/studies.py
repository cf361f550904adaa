"""Figures of a tuning study in the look of the pages. What they show is drawn where the report of a study is, too."""

from __future__ import annotations

import plotly.graph_objects as go

from figures.style import calm


def fit(figure: go.Figure) -> go.Figure:
    """The figure in the style of all pages, with its own height and margins."""
    margin = figure.layout.margin.to_plotly_json()
    bargap = figure.layout.bargap
    calm(figure, figure.layout.height, margin=margin)
    if bargap is not None:
        figure.update_layout(bargap=bargap)
    return figure
