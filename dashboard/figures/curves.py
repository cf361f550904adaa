"""Metrics by epoch with several runs overlaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from figures.style import MUTED, calm
from wording import words

PER_ROW = 2  # number of panels per row
HEIGHT_PX = 270  # height of a panel


def histories(table: pd.DataFrame, metrics: Sequence[str], colours: Mapping[str, str]) -> go.Figure:
    """One panel per metric with one line per run; the legend hides a run in all panels.

    Args:
        table: columns run (its label), metric, step, value.
        metrics: the metrics, in the order of the panels.
        colours: colour of each label, in the order of the legend.
    """
    rows, columns = -(-len(metrics) // PER_ROW), min(len(metrics), PER_ROW)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=[words(metric) for metric in metrics],
        horizontal_spacing=0.07,
        vertical_spacing=0.24 / rows if rows > 1 else 0,
    )
    named: set[str] = set()
    for i, metric in enumerate(metrics):
        for run, colour in colours.items():
            line = table[(table["run"] == run) & (table["metric"] == metric)]
            if line.empty:
                continue
            figure.add_scatter(
                x=line["step"],
                y=line["value"],
                name=run,
                legendgroup=run,
                showlegend=run not in named,
                mode="lines+markers" if len(line) < 40 else "lines",
                line={"color": colour, "width": 2},
                marker={"size": 5},
                hovertemplate="epoch %{x}: %{y:.4g}<extra>" + run + "</extra>",
                row=i // PER_ROW + 1,
                col=i % PER_ROW + 1,
            )
            named.add(run)
    calm(
        figure,
        HEIGHT_PX * rows + 60,
        margin={"l": 8, "r": 8, "t": 60, "b": 8},
        legend={"y": 1 + 40 / (HEIGHT_PX * rows)},
    )
    figure.update_xaxes(title={"text": "epoch", "font": {"color": MUTED}, "standoff": 6}, nticks=8)
    figure.update_annotations(font={"size": 14})
    return figure
