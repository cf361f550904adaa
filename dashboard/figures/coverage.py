"""Properties of the images of each split: light, contrast, noise, focus and density."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brightfield.data.splitting import SPLITS, in_order
from figures.style import MUTED, calm, series

PER_ROW = 3  # number of panels per row
ROW_PX = 34  # height of a box
TRAINED = "#c9d1da"  # colour of the band of the training split
INSIDE = (0.01, 0.99)  # quantiles of the training split between which the band lies


def distributions(table: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """One panel per property with one box per split: training, validation, test, then the suites; the band is the training range.

    Args:
        table: columns split and ``names``, one row per image.
        names: the properties; those that no image has get no panel.
    """
    names = [name for name in names if name in table and table[name].notna().any()]
    splits = in_order(table["split"])
    colours = series(splits)
    rows, columns = -(-len(names) // PER_ROW), min(len(names), PER_ROW)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=names,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.26 / rows if rows > 1 else 0,
    )
    for i, name in enumerate(names):
        place = {"row": i // PER_ROW + 1, "col": i % PER_ROW + 1}
        for split in splits[::-1]:  # plotly counts from the bottom
            figure.add_box(
                x=table.loc[table["split"] == split, name],
                name=split,
                orientation="h",
                marker={"color": colours[split], "size": 3},
                line={"width": 1.6},
                boxpoints="outliers",
                hoverinfo="x+name",
                **place,
            )
        trained = table.loc[table["split"] == SPLITS[0], name].dropna()
        if not trained.empty:
            low, high = trained.quantile(list(INSIDE))
            figure.add_vrect(x0=low, x1=high, fillcolor=TRAINED, opacity=0.35, line_width=0, layer="below", **place)
    calm(figure, (ROW_PX * len(splits) + 70) * rows, showlegend=False, margin={"l": 8, "r": 8, "t": 34, "b": 8})
    figure.update_xaxes(nticks=5, tickfont={"color": MUTED})
    figure.update_yaxes(showgrid=False)
    figure.update_annotations(font={"size": 14})
    return figure
