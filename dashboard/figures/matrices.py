"""Confusion matrices of several models side by side, and the recall of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from figures.style import CLEAR, MUTED, SHARES, calm, reach
from wording import DASH

FEW = 3  # largest number of classes of a small matrix
SIDE_PX, PER_ROW = 330, 3  # side of a small matrix, and number of matrices per row
LARGE_PX, LARGE_PER_ROW = 430, 2  # the same for a larger matrix
# of Okabe and Ito (2008), which people with any colour vision tell apart
WORSE_AND_BETTER = [[0.0, "#d55e00"], [0.5, "#eef0f2"], [1.0, "#0072b2"]]
LEAST_DIFFERENCE = 0.02  # share at which the colours of differences end, or farther out: noise does not look like much
BUTTON = 0.6  # side of what is clicked, as a share of the side of a cell if there were no labels beside the matrix


def confusions(
    table: pd.DataFrame, models: Sequence[str], classes: Sequence[str], counts: bool, reference: str | None = None
) -> go.Figure:
    """One matrix per model: rows are the truth, columns the answer; the colour is the share of the true class.

    Args:
        table: columns model, truth, answer, count, share.
        models: the models, in order.
        classes: the classes, in the order of their index.
        counts: write counts into the fields; if false, shares in per cent.
        reference: another model with these classes: then what is shown is the share minus that of this one, blue where that is
            better (more right, fewer confused) and orange where it is worse.
    """
    side, most = (SIDE_PX, PER_ROW) if len(classes) <= FEW else (LARGE_PX, LARGE_PER_ROW)
    rows, columns = -(-len(models) // most), min(len(models), most)
    names = ["<br>".join(name.rsplit(" ", 1)) if len(classes) > FEW else name for name in classes]
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=[f"<b>{model}</b>" for model in models],
        horizontal_spacing=0.24 / columns if columns > 1 else 0,
        vertical_spacing=0.3 / rows if rows > 1 else 0,
    )
    largest = LEAST_DIFFERENCE
    for i, model in enumerate(models):
        cells = table[table["model"] == model]
        share, count = (square(cells, value, classes) for value in ("share", "count"))
        text = count.map(compact) if counts else share.map(percent)
        colour = share
        if reference is not None:
            difference = share - square(table[table["model"] == reference], "share", classes)
            text, colour = difference.map(points), difference * (2 * np.eye(len(classes)) - 1)
            largest = max(largest, float(np.nanmax(np.abs(difference.to_numpy()), initial=0)))
        place = {"row": i // most + 1, "col": i % most + 1}
        figure.add_trace(
            go.Heatmap(
                z=colour.to_numpy(),
                x=names,
                y=names,
                text=text.to_numpy(),
                texttemplate="%{text}",
                textfont={"size": 17 if len(classes) < 4 else 13},
                coloraxis="coloraxis",
                xgap=3,
                ygap=3,
                name=model,
                hoverinfo="skip",
            ),
            **place,
        )
        figure.add_trace(_buttons(model, cells, dict(zip(classes, names, strict=True)), side), **place)
        whole = [-0.5, len(classes) - 0.5]
        figure.update_xaxes(title_text="answer", range=whole, **place)
        figure.update_yaxes(title_text="truth" if i % most == 0 else None, range=whole[::-1], **place)
    calm(
        figure,
        side * rows + 40,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        coloraxis={"colorscale": SHARES, "cmin": 0, "cmax": 1, "colorbar": _colorbar("of the true class")}
        if reference is None
        else {
            "colorscale": WORSE_AND_BETTER,
            "cmin": -largest,
            "cmax": largest,
            "colorbar": _colorbar(f"better than {reference}"),
        },
    )
    figure.update_xaxes(showgrid=False, title={"font": {"color": MUTED}})
    figure.update_yaxes(showgrid=False, title={"font": {"color": MUTED}})
    figure.update_annotations(font={"size": 15})
    return figure


def _buttons(model: str, cells: pd.DataFrame, names: Mapping[str, str], side: int) -> go.Scatter:
    """A square without colour on each cell: a browser tells Streamlit of clicks on points, and of none on a heatmap."""
    known = cells.dropna(subset=["share"])
    return go.Scatter(
        x=known["answer"].map(names),
        y=known["truth"].map(names),
        customdata=known[["model", "truth", "answer", "count", "share"]].to_numpy(),
        mode="markers",
        marker={"symbol": "square", "size": BUTTON * side / len(names), "color": CLEAR, "line": {"width": 0}},
        name=model,
        showlegend=False,
        hovertemplate="truth %{customdata[1]}, answer %{customdata[2]}<br>%{customdata[3]:,} (%{customdata[4]:.1%} of "
        "%{customdata[1]})<br>a click shows the images<extra>%{customdata[0]}</extra>",
    )


def square(cells: pd.DataFrame, value: str, classes: Sequence[str]) -> pd.DataFrame:
    """The matrix of one model, with rows truth and columns answer in the order of ``classes``."""
    matrix = cells.pivot(index="truth", columns="answer", values=value)
    return matrix.reindex(index=list(classes), columns=list(classes))


def _colorbar(title: str) -> Mapping[str, object]:
    return {"tickformat": ".0%", "thickness": 12, "outlinewidth": 0, "title": {"text": title, "side": "right"}}


def recalls(
    table: pd.DataFrame, models: Sequence[str], classes: Sequence[str], colours: Mapping[str, str]
) -> go.Figure:
    """The recall of each class: one group per class, one bar per model."""
    right = table[table["truth"] == table["answer"]]
    figure = go.Figure()
    for model in models:
        of_model = right[right["model"] == model].set_index("truth")["share"].reindex(list(classes))
        figure.add_bar(
            x=list(classes),
            y=of_model,
            name=model,
            marker_color=colours.get(model, MUTED),
            text=[percent(share) for share in of_model],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.1%}<extra>" + model + "</extra>",
        )
    return _in_groups(figure, "recall")


def shares(table: pd.DataFrame, models: Sequence[str], colours: Mapping[str, str]) -> go.Figure:
    """The share of correct answers by kind of image, with intervals: one group per kind, one bar per model.

    Args:
        table: columns model, kind, images, value, low, high.
        models: the models, in order.
        colours: colour of each model.
    """
    names = {
        kind: f"{kind.replace('_', ' ')} ({images})"
        for kind, images in zip(table["kind"], table["images"], strict=True)
    }
    figure = go.Figure()
    for model in models:
        found = table[table["model"] == model].set_index("kind").reindex(list(names))
        figure.add_bar(
            x=list(names.values()),
            y=found["value"],
            name=model,
            marker_color=colours.get(model, MUTED),
            error_y={**reach(found["value"], found["low"], found["high"]), "color": MUTED},
            hovertemplate="%{x}: %{y:.1%}<extra>" + model + "</extra>",
        )
    return _in_groups(figure, "correct answers")


def _in_groups(figure: go.Figure, title: str) -> go.Figure:
    """Set the layout of grouped bars of shares."""
    calm(figure, 300, barmode="group", bargap=0.3, bargroupgap=0.08)
    figure.update_yaxes(range=[0, 1.08], tickformat=".0%", title={"text": title, "font": {"color": MUTED}})
    figure.update_xaxes(showgrid=False)
    return figure


def percent(share: float) -> str:
    """A share such as ``93.1 %``; a dash for a class that does not occur."""
    return DASH if pd.isna(share) else f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in percentage points, such as ``+2.1``; a dash for a class that does not occur."""
    return DASH if pd.isna(difference) else f"{100 * difference:+.1f}"


def compact(count: float) -> str:
    """A count such as ``950``, ``12.3 k`` or ``4.56 M``, as there are millions of pixels."""
    for least, size, unit in ((999_500, 1e6, "M"), (10_000, 1e3, "k")):
        if count >= least:
            value = count / size
            return f"{value:.{max(0, 2 - int(math.log10(value + 0.001)))}f} {unit}"
    return f"{int(count):,}"
