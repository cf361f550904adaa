"""How models hold up where something is unlike training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from figures.scores import ROLES
from figures.style import MUTED, calm, reach
from wording import interval, number, words

HEIGHT_PX = 420
CEILING = "best possible"
SPREAD = 0.5  # of the space between two suites that their models take


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
    """A column a part (the test split first, then the suites; or kinds of test images), a mark a model with its interval.

    Args:
        table: columns model, role, part, value, low, high.
        parts: in the order of the axis.
        ceilings: by part, the best that any model could reach.
        first_apart: whether a line parts the first from the others.
    """
    figure = go.Figure()
    known = [(place, (ceilings or {})[part]) for place, part in enumerate(parts) if part in (ceilings or {})]
    for i, (place, value) in enumerate(known):
        figure.add_scatter(
            x=[place - 0.45, place + 0.45],
            y=[value, value],
            name=CEILING,
            legendgroup=CEILING,
            showlegend=i == 0,
            mode="lines",
            line={"color": MUTED, "width": 2, "dash": "dash"},
            hovertemplate=f"no model can be better on {parts[place]}: {number(value)}<extra></extra>",
        )
    models = list(dict.fromkeys(table["model"]))
    for i, model in enumerate(models):
        offset = SPREAD * ((i + 0.5) / len(models) - 0.5)
        first = True
        for place, part in enumerate(parts):
            for row in table[(table["model"] == model) & (table["part"] == part)].to_dict("records"):
                bounds = interval(row["low"], row["high"])
                figure.add_scatter(
                    x=[place + offset],
                    y=[row["value"]],
                    name=model,
                    legendgroup=model,
                    showlegend=first,
                    mode="markers",
                    marker={
                        "size": 10,
                        "symbol": ROLES[row["role"]],
                        "color": colours[model],
                        "line": {"width": 2, "color": colours[model]},
                    },
                    error_y={**reach(row["value"], row["low"], row["high"]), "color": colours[model]},
                    hovertemplate=f"<b>{model}</b> on {part}<br>{number(row['value'])} ({bounds})<extra></extra>",
                )
                first = False
    calm(figure, HEIGHT_PX)
    lower = ", lower is better" if direction == "minimize" else ""
    figure.update_xaxes(tickvals=list(range(len(parts))), ticktext=list(parts), range=[-0.5, len(parts) - 0.5])
    figure.update_yaxes(title={"text": words(metric) + lower, "font": {"color": MUTED}})
    if first_apart:
        figure.add_vline(x=0.5, line={"color": MUTED, "width": 1, "dash": "dot"})
    return figure


def gaps(table: pd.DataFrame, parts: Sequence[str]) -> pd.DataFrame:
    """Columns model, then a column a part: the value on the first part, and on the others the difference to it."""
    wide = table.pivot(index="model", columns="part", values="value").reindex(columns=list(parts))
    wide = wide.loc[list(dict.fromkeys(table["model"]))]
    wide.iloc[:, 1:] = wide.iloc[:, 1:].sub(wide.iloc[:, 0], axis=0)
    return wide.reset_index().rename_axis(columns=None)
