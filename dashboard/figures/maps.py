"""A map of images: a point an image, near to those that look alike."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from figures.style import MUTED, calm

HEIGHT_PX = 560
# of Okabe and Ito (2008), which people with any colour vision tell apart; further groups are grey
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
OTHERS = "others"


def images(table: pd.DataFrame, by: str) -> go.Figure:
    """Images by what they look like, coloured by a column; each point has its place in the table as custom data.

    Args:
        table: columns x, y, id and ``by``.
        by: a column with few values; all but the most frequent ones are drawn grey.
    """
    values = table[by].fillna("unknown").astype(str)
    frequent = list(values.value_counts().index[: len(COLOURS)])
    figure = go.Figure()
    for name, colour in [*zip(frequent, COLOURS, strict=False), (OTHERS, MUTED)]:
        rows = table[values == name] if name in frequent else table[~values.isin(frequent)]
        if rows.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=rows["x"],
                y=rows["y"],
                name=f"{name} ({len(rows)})",
                mode="markers",
                text=rows["id"],
                customdata=rows.index,
                marker={"size": 7, "color": colour, "opacity": 0.8},
                hovertemplate="%{text}<extra></extra>",
            )
        )
    calm(figure, HEIGHT_PX, legend={"orientation": "h", "y": 1.04})
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(visible=False)
    return figure
