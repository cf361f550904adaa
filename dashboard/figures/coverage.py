"""What the images of each split are like: light, contrast, noise, focus and density."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brightfield.data.splitting import SPLITS, in_order
from figures.style import INK, MUTED, calm, series

A_ROW = 3
ROW_PX = 34
TRAINED = "#c9d1da"  # the band of the training split
INSIDE = (0.01, 0.99)  # quantiles of the training split between which the band lies


def distributions(table: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """A panel a number, in it a box a split: training, validation, test, then the suites; the band is what training covered.

    Args:
        table: columns split and ``names``, a row an image; a number that no image has gets no panel.
    """
    names = [name for name in names if name in table and table[name].notna().any()]
    splits = in_order(table["split"])
    colours = series(splits)
    rows, columns = -(-len(names) // A_ROW), min(len(names), A_ROW)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=names,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.26 / rows if rows > 1 else 0,
    )
    for i, name in enumerate(names):
        place = {"row": i // A_ROW + 1, "col": i % A_ROW + 1}
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
    figure.update_annotations(font={"size": 14, "color": INK})
    return figure
