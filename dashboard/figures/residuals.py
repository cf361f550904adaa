"""Residuals of positions: a bias within pixels, and errors over those that answers state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from figures.style import MUTED, calm

HEIGHT_PX = 360
COLOURS = {"x": "#0072b2", "y": "#e69f00"}  # of Okabe and Ito (2008)
FARTHEST, BINS = 4.0, 32  # standard errors that the histogram shows


def bias(table: pd.DataFrame) -> go.Figure:
    """Mean residuals by the place within a pixel, with two standard errors.

    Args:
        table: columns coordinate, phase, mean and error, as :func:`queries.residuals.bias` gives them.
    """
    figure = go.Figure()
    figure.add_hline(y=0, line={"color": MUTED, "width": 1, "dash": "dot"})
    for coordinate, colour in COLOURS.items():
        rows = table[table["coordinate"] == coordinate]
        figure.add_scatter(
            x=rows["phase"],
            y=rows["mean"],
            error_y={"type": "data", "array": 2 * rows["error"].fillna(0), "color": colour, "thickness": 1.4},
            name=coordinate,
            mode="lines+markers",
            marker={"color": colour, "size": 8},
            line={"color": colour, "width": 1.4},
            hovertemplate="%{x:.2f} px from the centre of a pixel: %{y:.4f} px<extra>" + coordinate + "</extra>",
        )
    calm(figure, HEIGHT_PX)
    figure.update_xaxes(
        title={"text": "place of the bead within a pixel (px)", "font": {"color": MUTED}}, range=[-0.5, 0.5]
    )
    figure.update_yaxes(title={"text": "mean error (px)", "font": {"color": MUTED}})
    return figure


def over_stated(ratios: npt.NDArray[np.float64]) -> go.Figure:
    """Errors over the standard errors that answers state, beside what is expected if these are right: a normal distribution.

    Args:
        ratios: (N,), with their sign; those farther out are counted in the outermost bars.
    """
    figure = go.Figure()
    edges = np.linspace(-FARTHEST, FARTHEST, BINS + 1)
    middles = 0.5 * (edges[1:] + edges[:-1])
    counts = np.histogram(np.clip(ratios, -FARTHEST, FARTHEST), edges)[0]
    density = counts / max(1, len(ratios)) / (edges[1] - edges[0])
    figure.add_bar(
        x=middles,
        y=density,
        name="answers",
        marker_color=COLOURS["x"],
        opacity=0.75,
        customdata=counts,
        hovertemplate="%{x:.2f} standard errors: %{customdata} coordinates<extra></extra>",
    )
    expected = np.exp(-0.5 * middles**2) / np.sqrt(2 * np.pi)
    figure.add_scatter(
        x=middles, y=expected, name="expected", mode="lines", line={"color": MUTED, "width": 2}, hoverinfo="skip"
    )
    calm(figure, HEIGHT_PX, bargap=0.05)
    figure.update_xaxes(title={"text": "error over the stated standard error", "font": {"color": MUTED}})
    figure.update_yaxes(title={"text": "share of coordinates, per unit", "font": {"color": MUTED}})
    return figure
