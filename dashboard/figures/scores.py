"""Scores with their intervals, gains of ensembles, and weights."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from figures.style import GOOD, GRID, MUTED, calm, reach
from wording import interval, number, words

ROW_PX, AXIS_PX = 42, 46  # heights of a row, and of the axis below
TEXT_PX, DOT_PX = 14, 29  # where in a row its text and its value are drawn: below each other, so that long names fit
LEFT, PLOT, TICKS = 3, 94, 4  # begin and width of what is drawn, in %, and most numbers at the axis
ROLES = {"member": "circle", "ensemble": "square", "baseline": "circle-open"}  # markers


def dots(
    table: pd.DataFrame, colours: Mapping[str, str], metric: str, direction: str, champion: str | None = None
) -> str:
    """One row per model with value and interval, the first on top, the champion in bold.

    It is a picture of a few lines, which a browser draws at once: a library for charts takes it a second to load.

    Args:
        table: columns model, role, value, low, high.
        colours: colour of each model.
        metric: name of the metric.
        direction: ``maximize`` or ``minimize``.
        champion: name of the champion, if there is one.

    Returns:
        SVG as wide as what it stands in; text has the colour of the page.
    """
    known = table[["value", "low", "high"]].to_numpy(dtype=float)
    ticks = (
        round_numbers(float(np.nanmin(known)), float(np.nanmax(known)), TICKS)
        if np.isfinite(known).any()
        else [0.0, 1.0]
    )
    least, span = ticks[0], ticks[-1] - ticks[0]

    def place(value: float) -> str:
        return f"{100 * (value - least) / span:.2f}%"

    below = ROW_PX * len(table)
    drawn = [
        f'<line x1="{place(tick)}" x2="{place(tick)}" y1="0" y2="{below}" stroke="{GRID}"/>'
        f'<text x="{place(tick)}" y="{below + 16}" text-anchor="{anchor}" fill="{MUTED}">{tick:g}</text>'
        for tick, anchor in zip(ticks, ["start", *["middle"] * (len(ticks) - 2), "end"], strict=True)
    ]
    beside = []
    for i, row in enumerate(table.to_dict("records")):
        top, name = ROW_PX * i, html.escape(str(row["model"]))
        weight = ' font-weight="600"' if row["model"] == champion else ""
        beside.append(f'<text x="0" y="{top + TEXT_PX}"{weight}>{name}</text>')
        beside.append(f'<text x="100%" y="{top + TEXT_PX}" text-anchor="end"{weight}>{number(row["value"])}</text>')
        drawn.append(_dot(row, place, top + DOT_PX, colours[row["model"]]))
    lower = ", lower is better" if direction == "minimize" else ""
    title = (
        f'<text x="50%" y="{below + 38}" text-anchor="middle" fill="{MUTED}">{html.escape(words(metric))}{lower}</text>'
    )
    return (
        f'<svg width="100%" height="{below + AXIS_PX}" font-size="13" fill="currentColor" style="font-family:inherit" role="img" '
        f'aria-label="{html.escape(words(metric))} of each model, with intervals">{"".join(beside)}{title}'
        f'<svg x="{LEFT}%" width="{PLOT}%" overflow="visible">{"".join(drawn)}</svg></svg>'
    )


def _dot(row: Mapping[Hashable, Any], place: Callable[[float], str], y: float, colour: str) -> str:
    """A value with its interval, and what is said of it under the mouse."""
    if math.isnan(row["value"]):
        return ""
    fill = "none" if ROLES[row["role"]].endswith("open") else colour
    bar = ""
    if not (math.isnan(row["low"]) or math.isnan(row["high"])):
        bar = f'<line x1="{place(row["low"])}" x2="{place(row["high"])}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="1.8"/>'
    said = html.escape(f"{row['model']} ({row['role']}): {number(row['value'])} ({interval(row['low'], row['high'])})")
    line, x = f'fill="{fill}" stroke="{colour}" stroke-width="2"', place(row["value"])
    dot = f'<circle cx="{x}" cy="{y}" r="5" {line}/>'
    if ROLES[row["role"]] == "square":
        dot = f'<svg x="{x}" y="{y}" overflow="visible"><rect x="-5" y="-5" width="10" height="10" {line}/></svg>'
    return f"<g>{bar}{dot}<title>{said}</title></g>"


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """Equally spaced numbers of few digits from below ``low`` to above ``high``, two to ``most``."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / (most - 1)))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return [round(step * i, 10) for i in range(first, max(last, first + 1) + 1)]


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
