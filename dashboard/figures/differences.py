"""Differences between models with their intervals, part by part."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from brightfield.metrics.declarations import declared
from figures.style import MUTED, calm, reach

ROW_PX = 26  # height of a row


def forest(table: pd.DataFrame, reference: str, colours: Mapping[str, str]) -> go.Figure:
    """A row for each part and model: the model minus the reference, with its interval. Right of zero the model is better.

    A filled mark is more than chance explains.

    Args:
        table: columns b, part, metric, difference, low, high and decided, of one metric.
        reference: the model that the others are compared with.
        colours: colour of each model.
    """
    metric = declared(str(table["metric"].iloc[0]))
    sign = -1 if metric.direction == "minimize" else 1
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2, "dash": "dot"})
    for model in dict.fromkeys(table["b"]):
        rows = table[table["b"] == model]
        value, ends = sign * rows["difference"], sign * rows[["low", "high"]]
        colour = colours.get(model, MUTED)
        figure.add_scatter(
            x=value,
            y=[rows["part"], [model] * len(rows)],
            name=model,
            mode="markers",
            marker={
                "size": 10,
                "symbol": ["diamond" if sure else "diamond-open" for sure in rows["decided"]],
                "color": colour,
                "line": {"width": 2, "color": colour},
            },
            error_x={**reach(value, ends.min(axis=1), ends.max(axis=1)), "color": colour},
            customdata=[
                [part, metric.difference(difference, low, high)]
                for part, difference, low, high in rows[["part", "difference", "low", "high"]].itertuples(index=False)
            ],
            hovertemplate="<b>" + model + "</b>, %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    calm(figure, 70 + ROW_PX * len(table), margin={"l": 8, "r": 20, "t": 4, "b": 8})
    figure.update_layout(showlegend=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    unit = f" ({metric.unit})" if metric.unit else ""
    better = f"{metric.label}{unit}: how much better than {reference}"
    figure.update_xaxes(title={"text": better, "font": {"color": MUTED}})
    return figure
