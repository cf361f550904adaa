"""Scores of models on test images that differ from training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from figures.scores import ROLES
from figures.style import MUTED, calm, reach
from wording import interval, number, words

HEIGHT_PX = 420
CEILING = "best possible"
SPREAD = 0.5  # share of the space between two parts over which the marks of the models are spread


def lines(
    table: pd.DataFrame,
    parts: Sequence[str],
    colours: Mapping[str, str],
    metric: str,
    direction: str,
    ceilings: Mapping[str, float] | None = None,
    *,
    first_apart: bool = True,
) -> go.Figure:
    """One column per part (the test split, then the suites; or kinds of test images), one mark per model with its interval.

    Args:
        table: columns model, role, part, value, low, high.
        parts: the parts, in the order of the axis.
        colours: colour of each model.
        metric: name of the metric.
        direction: ``maximize`` or ``minimize``.
        ceilings: the best that any model could reach, by part.
        first_apart: whether a line separates the first part from the others.
    """
    figure = go.Figure()
    _add_ceilings(figure, parts, ceilings or {})
    models = list(dict.fromkeys(table["model"]))
    known = table[table["part"].isin(parts)]
    for row in known.to_dict("records"):
        offset = SPREAD * ((models.index(row["model"]) + 0.5) / len(models) - 0.5)
        _add_mark(figure, row, list(parts).index(row["part"]) + offset, colours[row["model"]])
    _name_once(figure)
    calm(figure, HEIGHT_PX)
    lower = ", lower is better" if direction == "minimize" else ""
    figure.update_xaxes(tickvals=list(range(len(parts))), ticktext=list(parts), range=[-0.5, len(parts) - 0.5])
    figure.update_yaxes(title={"text": words(metric) + lower, "font": {"color": MUTED}})
    if first_apart:
        figure.add_vline(x=0.5, line={"color": MUTED, "width": 1, "dash": "dot"})
    return figure


def _add_ceilings(figure: go.Figure, parts: Sequence[str], ceilings: Mapping[str, float]) -> None:
    """Add a dashed line across each part whose ceiling is known."""
    for place, part in enumerate(parts):
        if part in ceilings:
            figure.add_scatter(
                x=[place - 0.45, place + 0.45],
                y=[ceilings[part]] * 2,
                name=CEILING,
                mode="lines",
                line={"color": MUTED, "width": 2, "dash": "dash"},
                hovertemplate=f"no model can be better on {part}: {number(ceilings[part])}<extra></extra>",
            )


def _add_mark(figure: go.Figure, row: Mapping[Hashable, Any], x: float, colour: str) -> None:
    """Add the mark of one model on one part, with its interval."""
    value, low, high = (row[name] for name in ("value", "low", "high"))
    figure.add_scatter(
        x=[x],
        y=[value],
        name=row["model"],
        mode="markers",
        marker={"size": 10, "symbol": ROLES[row["role"]], "color": colour, "line": {"width": 2, "color": colour}},
        error_y={**reach(value, low, high), "color": colour},
        hovertemplate=f"<b>{row['model']}</b> on {row['part']}<br>{number(value)} ({interval(low, high)})<extra></extra>",
    )


def _name_once(figure: go.Figure) -> None:
    """Give all traces with the same name one entry in the legend, which shows and hides them together."""
    named: set[str] = set()
    for trace in figure.data:
        trace.update(legendgroup=trace.name, showlegend=trace.name not in named)
        named.add(trace.name)


def gaps(table: pd.DataFrame, parts: Sequence[str]) -> pd.DataFrame:
    """Column model, then one column per part: the value on the first part, and the difference to it on the others."""
    wide = table.pivot(index="model", columns="part", values="value").reindex(columns=list(parts))
    wide = wide.loc[list(dict.fromkeys(table["model"]))]
    wide.iloc[:, 1:] = wide.iloc[:, 1:].sub(wide.iloc[:, 0], axis=0)
    return wide.reset_index().rename_axis(columns=None)


def coverages(table: pd.DataFrame, size: str) -> pd.DataFrame:
    """The promised coverage and that on each part, one row per model, then the size on the test split, in a column named ``size``.

    Args:
        table: columns model, promised, part, coverage and size, of one guarantee.
        size: name of the last column.
    """
    parts = list(dict.fromkeys(table["part"]))
    wide = table.pivot(index="model", columns="part", values="coverage")[parts]
    first = table.drop_duplicates("model").set_index("model")
    whole = pd.concat([first["promised"], wide], axis=1).loc[first.index]
    return whole.assign(**{size: first["size"]}).reset_index()
