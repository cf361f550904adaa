"""Many runs in one figure: two numbers against each other, or parameters and metrics side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from figures.style import FONT, MUTED, calm

HEIGHT_PX = 380
LINES = [[0.0, "#bcd0e6"], [1.0, "#1f4e86"]]  # a pale line is still a line


def numbers(column: pd.Series) -> pd.Series:
    """A column as numbers; of other text, the place of each value in the order of all."""
    found = pd.to_numeric(column, errors="coerce")
    if found.notna().sum() == column.notna().sum():
        return found.astype(float)
    codes, _ = pd.factorize(column, sort=True)
    return pd.Series(codes, index=column.index, dtype=float).where(column.notna())


def scatter(table: pd.DataFrame, x: str, y: str, labels: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Two columns of runs against each other, in one trace, however many there are.

    Args:
        table: columns x, y, label and role, a row a run.
        x, y: names of columns.
        labels: how they are shown.
        colours: of each role.
    """
    known = table[table[x].notna() & table[y].notna()]
    figure = go.Figure(
        go.Scatter(
            x=numbers(known[x]),
            y=numbers(known[y]),
            text=known["label"],
            mode="markers",
            marker={"size": 9, "opacity": 0.75, "color": [colours.get(role, MUTED) for role in known["role"]]},
            hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
        )
    )
    calm(figure, HEIGHT_PX)
    for axis, name in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        axis(title={"text": labels.get(name, name), "font": {"color": MUTED}})
    for place, column in (("xaxis", known[x]), ("yaxis", known[y])):
        figure.update_layout({place: _ticks(column)})
    return figure


def parallel(table: pd.DataFrame, columns: Sequence[str], labels: Mapping[str, str], colour: str) -> go.Figure:
    """A line a run over several columns, dark where the last of them is large; an axis is brushed with the mouse.

    Args:
        table: the columns, a row a run; runs without a value somewhere are left out.
        columns: which, from left to right.
        labels: how they are shown.
        colour: the column that gives the colour.
    """
    whole = table[table[list(columns)].notna().all(axis=1)]
    axes = []
    for name in columns:
        ticks = _ticks(whole[name])
        shown = {"tickvals": ticks["tickvals"], "ticktext": ticks["ticktext"]} if ticks else {}
        axes.append({"label": labels.get(name, name), "values": numbers(whole[name]), **shown})
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={"color": numbers(whole[colour]), "colorscale": LINES, "showscale": False},
            labelfont={"color": MUTED, "family": FONT},
            unselected={"line": {"opacity": 0.06}},
        )
    )
    return calm(figure, HEIGHT_PX, margin={"l": 60, "r": 60, "t": 60, "b": 20})


def _ticks(column: pd.Series) -> dict[str, object]:
    """Of an axis of text: its values at their places."""
    found = pd.to_numeric(column, errors="coerce")
    if found.notna().sum() == column.notna().sum():
        return {}
    values = sorted(column.dropna().unique())
    return {"tickvals": list(range(len(values))), "ticktext": [str(value) for value in values]}
