"""Our own figures of a study, beside Optuna's; and the one look of all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brightfield.metrics.declarations import Direction, declared

# as the dashboard's figures have them
INK, MUTED, GRID, GOOD, BLUE, GREY = "#1f2933", "#7b8794", "#e8ebef", "#3a9a6c", "#2f6fb0", "#b9bec6"
STATES = {"complete": BLUE, "pruned": GREY, "running": "#e08a2e", "failed": "#c4546a"}
SAID = {"pruned": "given up"}  # states that have another name in a figure
AS_IT_IS = "the entry as it is"
ROW_PX = 40
MOST_ROWS_PX = 520


def calm(figure: go.Figure, height: int, **margin: int) -> go.Figure:
    """Set the style of a figure, whose title stands elsewhere.

    Args:
        figure: to change.
        height: in pixels.
        margin: where it is not 8 pixels: l, r, t, b.
    """
    figure.update_layout(
        template="plotly_white",
        title=None,
        width=None,
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8, **margin},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None},
        hoverlabel={"bgcolor": "white", "bordercolor": GRID, "font": {"size": 13, "color": INK}},
    )
    axis = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True}
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    return figure


@dataclass(frozen=True)
class Comparison:
    """One place where the best setting and the entry as it is were both scored.

    Attributes:
        place: what it is: the search, a split, all splits, the test.
        standard, best: the objective there.
        gain: best less standard; of all splits, and of the test, as it was estimated.
        low, high: its interval; None where there is one training.
    """

    place: str
    standard: float
    best: float
    gain: float
    low: float | None = None
    high: float | None = None


def comparisons(result: Mapping[str, Any], splits: pd.DataFrame) -> list[Comparison]:
    """What a study compared, in the order in which it did.

    Args:
        result: see :func:`brightfield.tuning.running.tune`.
        splits: see :func:`brightfield.tuning.racing.scores`.

    Returns:
        Nothing where no setting was trained on all splits.
    """
    best = result.get("best")
    gain = next((each for each in result.get("gains", ()) if each["name"] == best), None)
    if gain is None or best not in splits.index or "0" not in splits.index:
        return []
    scores = splits.astype(float).to_dict("index")
    promised, value = float(result["promised"]), float(result["promised_value"])
    rows = [Comparison("search", value - promised, value, promised)]
    for name in splits.columns[splits.loc[best].notna()]:
        standard, found = scores["0"][name], scores[best][name]
        rows.append(Comparison(str(name), standard, found, found - standard))
    standard, found = float(result["standard"]), float(result["value"])
    rows.append(Comparison("all splits", standard, found, gain["value"], *_bounds(gain)))
    test = result.get("test")
    if test:
        rows.append(Comparison("test", test["a"], test["b"], test["value"], *_bounds(test)))
    return rows


def _bounds(found: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Those of an interval; of too few trainings or groups there is none."""
    low, high = found["low"], found["high"]
    return (None, None) if low is None or high is None or math.isnan(low) or math.isnan(high) else (low, high)


def best_against_standard(rows: list[Comparison], metric: str, direction: Direction) -> go.Figure:
    """The objective of both in each place, and beside it the gain with its interval; right of zero the best is better."""
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04, column_widths=[0.5, 0.5])
    places = [row.place for row in rows]
    for row in rows:
        figure.add_scatter(
            x=[row.standard, row.best],
            y=[row.place] * 2,
            mode="lines",
            line={"color": GRID, "width": 6},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=1,
        )
    for name, values, colour, symbol in (
        (AS_IT_IS, [row.standard for row in rows], MUTED, "circle-open"),
        ("the best setting", [row.best for row in rows], BLUE, "circle"),
    ):
        marker = {"size": 11, "color": colour, "symbol": symbol, "line": {"width": 2, "color": colour}}
        figure.add_scatter(
            x=values,
            y=places,
            name=name,
            mode="markers",
            marker=marker,
            hovertemplate="%{y}: %{x:.4g}<extra>" + name + "</extra>",
            row=1,
            col=1,
        )
    sign = 1 if direction == "maximize" else -1
    for row in rows:
        figure.add_scatter(**_gain(row, sign), showlegend=False, row=1, col=2)
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2, "dash": "dot"}, row=1, col=2)
    calm(figure, 96 + ROW_PX * len(rows), t=32)
    label = declared(metric)
    what = "gain in" if direction == "maximize" else "reduction of"
    figure.update_xaxes(title={"text": str(label), "font": {"color": MUTED}}, nticks=5, row=1, col=1)
    figure.update_xaxes(title={"text": f"{what} {label}", "font": {"color": MUTED}}, nticks=5, row=1, col=2)
    figure.update_yaxes(categoryorder="array", categoryarray=places[::-1], showgrid=False)
    return figure


def _gain(row: Comparison, sign: int) -> dict[str, Any]:
    known = row.low is not None and row.high is not None
    low, high = sorted((sign * (row.low or 0.0), sign * (row.high or 0.0)))
    value = sign * row.gain
    sure = known and low > 0
    colour = GOOD if sure else INK if known else MUTED
    within = f" ({low:+.4g} to {high:+.4g})" if known else ""
    bars = {
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - value],
            "arrayminus": [value - low],
            "thickness": 2,
            "width": 0,
            "color": colour,
        }
    }
    return {
        "x": [value],
        "y": [row.place],
        "mode": "markers",
        "marker": {
            "size": 12 if known else 9,
            "symbol": "diamond" if sure else "diamond-open",
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
        "hovertemplate": f"{row.place}: %{{x:+.4g}}{within}<extra></extra>",
        **(bars if known else {}),
    }


def timeline_of_workers(table: pd.DataFrame) -> go.Figure:
    """A row a worker, a bar a trial, coloured by its state.

    Args:
        table: see :func:`brightfield.tuning.trial_tables.workers`.
    """
    figure = go.Figure()
    for state, colour in STATES.items():
        some = table[table["state"] == state]
        if some.empty:
            continue
        seconds = [(end - start).total_seconds() for start, end in zip(some["started"], some["ended"], strict=True)]
        figure.add_bar(
            base=list(some["started"]),
            x=[1000 * each for each in seconds],
            y=[f"worker {number}" for number in some["worker"]],
            orientation="h",
            name=SAID.get(state, state),
            marker={"color": colour, "line": {"color": "white", "width": 1}},
            customdata=[[number, f"{each:.0f} s"] for number, each in zip(some["number"], seconds, strict=True)],
            hovertemplate="trial %{customdata[0]}: %{customdata[1]}<extra>" + SAID.get(state, state) + "</extra>",
        )
    rows = int(table["worker"].max())
    calm(figure, min(MOST_ROWS_PX, 110 + ROW_PX * rows), t=32)
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_xaxes(type="date", title={"text": "time (UTC)", "font": {"color": MUTED}})
    names = [f"worker {i + 1}" for i in range(rows)]
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False)
    return figure
