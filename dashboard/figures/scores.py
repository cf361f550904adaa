"""Scores with their intervals, gains of ensembles, and weights."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from figures.style import GOOD, MUTED, calm, reach
from wording import interval, number, words

ROW_PX = 34  # height of a row
ROLES = {"member": "circle", "ensemble": "square", "baseline": "circle-open"}


def dots(
    table: pd.DataFrame, colours: Mapping[str, str], metric: str, direction: str, champion: str | None = None
) -> go.Figure:
    """One row per model with value and interval, the first on top, the champion in bold.

    Args:
        table: columns model, role, value, low, high.
        colours: colour of each model.
        metric: name of the metric.
        direction: ``maximize`` or ``minimize``.
        champion: name of the champion, if there is one.
    """
    figure = go.Figure()
    for row in table.iloc[::-1].to_dict("records"):
        name, value, colour = row["model"], row["value"], colours[row["model"]]
        figure.add_scatter(
            x=[value],
            y=[name],
            name=name,
            mode="markers",
            marker={"size": 11, "symbol": ROLES[row["role"]], "color": colour, "line": {"width": 2, "color": colour}},
            error_x={**reach(value, row["low"], row["high"]), "color": colour},
            hovertemplate=f"<b>{name}</b><br>{number(value)} ({interval(row['low'], row['high'])})<extra></extra>",
        )
        _beside(figure, name, number(value))
    figure = calm(figure, 64 + ROW_PX * len(table), showlegend=False, margin={"l": 8, "r": 52, "t": 4, "b": 8})
    names = list(table["model"])[::-1]
    figure.update_yaxes(tickvals=names, ticktext=[f"<b>{n}</b>" if n == champion else n for n in names], showgrid=False)
    lower = ", lower is better" if direction == "minimize" else ""
    figure.update_xaxes(title={"text": words(metric) + lower, "font": {"color": MUTED}}, nticks=6)
    return figure


def _beside(figure: go.Figure, row: str, text: str) -> None:
    """Write text to the right of a row."""
    figure.add_annotation(x=1.01, xref="paper", xanchor="left", y=row, text=text, showarrow=False)


def gains(rows: pd.DataFrame, colours: Mapping[str, str], metric: str, direction: str) -> go.Figure:
    """A forest plot of the ensemble's gain over each row with its interval; right of zero the ensemble is better.

    Args:
        rows: columns name, role, value, gain, gain_low, gain_high; the gain is the ensemble minus the row.
        colours: colour of each model.
        metric: name of the metric.
        direction: ``minimize`` reverses the sign of gains, so that better is always to the right.
    """
    table = oriented(rows, direction).iloc[::-1]
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2, "dash": "dot"})
    for row in table.to_dict("records"):
        name, gain, low, high = row["name"], row["gain"], row["low"], row["high"]
        colour = colours.get(name, MUTED)
        sure = low > 0 or high < 0
        line = {"width": 2, "color": colour}
        figure.add_scatter(
            x=[gain],
            y=[name],
            name=name,
            mode="markers",
            marker={"size": 12, "symbol": "diamond" if sure else "diamond-open", "color": colour, "line": line},
            error_x={**reach(gain, low, high), "color": colour},
            hovertemplate=(
                f"<b>{name}</b> ({row['role']}): {number(row['value'])}<br>"
                f"gain {number(gain, signed=True)} ({interval(low, high)})<extra></extra>"
            ),
        )
        _beside(figure, name, number(gain, signed=True))
    figure = calm(figure, 76 + 40 * len(table), showlegend=False, margin={"l": 8, "r": 64, "t": 4, "b": 8})
    what = "reduction of" if direction == "minimize" else "gain in"
    text = f"{what} {words(metric)}; right of zero the ensemble is better"
    figure.update_xaxes(title={"text": text, "font": {"color": MUTED}})
    figure.update_yaxes(showgrid=False)
    return figure


def oriented(rows: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Columns name, role, value, gain, low, high, with gains that are positive for an improvement in either direction."""
    renamed = rows.rename(columns={"gain_low": "low", "gain_high": "high"})
    if direction == "maximize":
        return renamed
    return renamed.assign(gain=-rows["gain"], low=-rows["gain_high"], high=-rows["gain_low"])


def verdict(rows: pd.DataFrame, weights: pd.DataFrame, direction: str) -> tuple[str, str | None]:
    """What an ensemble is worth: a word for it, and the best of its members on the test split.

    Args:
        rows: columns name, role, value, gain, gain_low, gain_high.
        weights: columns name, weight: the members that were chosen.
        direction: of the objective.

    Returns:
        ``alone`` (it is one model), ``better`` (the interval of the gain over its best member is above zero), ``unsure`` or
        ``worse``; and that member, None where the table has none of them.
    """
    of_members = oriented(rows[rows["name"].isin(weights["name"])], direction)
    if of_members.empty:
        return "unsure", None
    best = of_members.sort_values("gain").iloc[0]
    name = str(best["name"])
    if len(weights) == 1:
        return "alone", name
    return "better" if best["low"] > 0 else "worse" if best["high"] < 0 else "unsure", name


def weights(table: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """One bar per member, the largest weight on top. Columns name, weight (with sum 1)."""
    table = table.sort_values("weight")
    figure = go.Figure(
        go.Bar(
            x=table["weight"],
            y=table["name"],
            orientation="h",
            marker_color=[colours.get(name, MUTED) for name in table["name"]],
            text=[f"{weight:.0%}" for weight in table["weight"]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    calm(figure, 44 + 40 * len(table), margin={"l": 8, "r": 40, "t": 4, "b": 8})
    figure.update_xaxes(range=[0, max(1.0, table["weight"].max())], tickformat=".0%", nticks=5)
    figure.update_yaxes(showgrid=False)
    return figure


def bars(table: pd.DataFrame, name: str, value: str) -> go.Figure:
    """One bar per row, the first on top, the largest in colour."""
    table = table.iloc[::-1]
    top = table[value].max()
    figure = go.Figure(
        go.Bar(
            x=table[value],
            y=table[name],
            orientation="h",
            marker_color=[GOOD if v == top else "#b9d8c9" for v in table[value]],
            text=[f"{v:.0%}" for v in table[value]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    calm(figure, 44 + 40 * len(table), margin={"l": 8, "r": 44, "t": 4, "b": 8})
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=5)
    figure.update_yaxes(showgrid=False)
    return figure
