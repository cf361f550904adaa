"""Metrics of single images against a condition such as cover or focus."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from figures.style import MUTED, calm
from wording import number, words

HEIGHT_PX = 420
BINS = 5  # number of bins with equally many images; fewer for few images
LEAST_IN_BIN = 3  # smallest number of images in a bin


def scatter(table: pd.DataFrame, colours: Mapping[str, str], condition: str, metric: str) -> go.Figure:
    """One dot per image and model, and one line per model through the medians of bins with equally many images.

    Args:
        table: columns model, image, split, condition and value.
        colours: colour of each model.
        condition: name of the condition on the x axis.
        metric: name of the metric on the y axis.
    """
    figure = go.Figure()
    for model, rows in table.groupby("model", sort=False):
        colour = colours[str(model)]
        figure.add_scatter(
            x=rows["condition"],
            y=rows["value"],
            name=str(model),
            legendgroup=str(model),
            showlegend=False,
            mode="markers",
            marker={"size": 6, "color": colour, "opacity": 0.4},
            customdata=rows[["image", "split"]],
            hovertemplate=f"<b>{model}</b><br>%{{customdata[0]}} (%{{customdata[1]}})<br>"
            f"{words(condition)} %{{x:.3g}}, {words(metric)} %{{y:.3f}}<extra></extra>",
        )
        middle = medians(rows)
        figure.add_scatter(
            x=middle["condition"],
            y=middle["value"],
            name=str(model),
            legendgroup=str(model),
            mode="lines",
            line={"width": 3, "color": colour},
            hovertemplate=[f"<b>{model}</b><br>median {number(v)}<extra></extra>" for v in middle["value"]],
        )
    calm(figure, HEIGHT_PX)
    figure.update_xaxes(title={"text": words(condition), "font": {"color": MUTED}})
    figure.update_yaxes(title={"text": f"{words(metric)} of an image", "font": {"color": MUTED}})
    return figure


def medians(rows: pd.DataFrame) -> pd.DataFrame:
    """Medians of condition and value in up to ``BINS`` bins of the rows, in order of the condition."""
    ordered = rows.sort_values("condition")
    count = max(1, min(BINS, len(ordered) // LEAST_IN_BIN))
    parts = [ordered.iloc[places] for places in np.array_split(np.arange(len(ordered)), count)]
    return pd.DataFrame([part[["condition", "value"]].median() for part in parts if len(part)])
