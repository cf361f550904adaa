"""A tuning study: its history, and how each parameter goes with the objective."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from figures.style import GOOD, INK, MUTED, calm
from wording import number, words

STATES = {  # colour, symbol
    "complete": ("#2f6fb0", "circle"),
    "pruned": ("#b9bec6", "x-thin-open"),
    "running": ("#e08a2e", "circle-open"),
    "failed": ("#c4546a", "x-thin-open"),
}
A_ROW = 3


def history(trials: pd.DataFrame, metric: str, direction: str) -> go.Figure:
    """The value of each trial by its state, and the best of the complete ones so far.

    Args:
        trials: columns number, state, value; a pruned trial's value is its last.
    """
    figure = go.Figure()
    for state, (colour, symbol) in STATES.items():
        some = trials[(trials["state"] == state) & trials["value"].notna()]
        if some.empty:
            continue
        figure.add_scatter(
            x=some["number"],
            y=some["value"],
            name=state,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}},
            hovertemplate="trial %{x}: %{y:.4g}<extra>" + state + "</extra>",
        )
    so_far = best_so_far(trials, direction)
    if len(so_far):
        figure.add_scatter(
            x=so_far["number"],
            y=so_far["best"],
            name="best so far",
            mode="lines",
            line={"color": GOOD, "width": 2, "shape": "hv"},
            hovertemplate="after trial %{x}: %{y:.4g}<extra>best so far</extra>",
        )
    calm(figure, 320)
    figure.update_xaxes(title={"text": "trial", "font": {"color": MUTED}}, tickformat="d")
    figure.update_yaxes(title={"text": words(metric), "font": {"color": MUTED}})
    return figure


def best_so_far(trials: pd.DataFrame, direction: str) -> pd.DataFrame:
    """Columns number and best, a row a complete trial."""
    table = trials[(trials["state"] == "complete") & trials["value"].notna()].sort_values("number")
    best = table["value"].cummin() if direction == "minimize" else table["value"].cummax()
    return pd.DataFrame({"number": table["number"], "best": best})


def slices(
    trials: pd.DataFrame, parameters: Sequence[str], metric: str, direction: str, logarithmic: Collection[str] = ()
) -> go.Figure:
    """A panel a parameter: its value in each complete or pruned trial against the objective, the best trial marked.

    Args:
        logarithmic: parameters that are drawn on a logarithmic scale.
    """
    table = trials[trials["value"].notna() & trials["state"].isin(["complete", "pruned"])]
    rows, columns = -(-len(parameters) // A_ROW), min(len(parameters), A_ROW)
    figure = make_subplots(rows, columns, shared_yaxes=True, horizontal_spacing=0.03, vertical_spacing=0.28 / rows)
    complete = table[table["state"] == "complete"]
    best = (
        complete["value"].idxmin() if direction == "minimize" else complete["value"].idxmax() if len(complete) else None
    )
    for i, name in enumerate(parameters):
        place = {"row": i // A_ROW + 1, "col": i % A_ROW + 1}
        for state in ("pruned", "complete"):
            some = table[(table["state"] == state) & table[name].notna()]
            colour, symbol = STATES[state]
            figure.add_scatter(
                x=_axis(some[name]),
                y=some["value"],
                customdata=some["number"],
                name=state,
                legendgroup=state,
                showlegend=i == 0,
                mode="markers",
                marker={
                    "color": colour,
                    "symbol": symbol,
                    "size": 8,
                    "opacity": 0.85,
                    "line": {"width": 1.5, "color": colour},
                },
                hovertemplate=f"{name} %{{x}}: %{{y:.4g}}<extra>trial %{{customdata}}</extra>",
                **place,
            )
        if best is not None and pd.notna(table.loc[best, name]):
            figure.add_scatter(
                x=_axis(table.loc[[best], name]),
                y=[table.loc[best, "value"]],
                name=f"best ({number(table.loc[best, 'value'])})",
                legendgroup="best",
                showlegend=i == 0,
                mode="markers",
                marker={"color": GOOD, "size": 14, "symbol": "circle-open", "line": {"width": 3, "color": GOOD}},
                hoverinfo="skip",
                **place,
            )
        figure.update_xaxes(
            title={"text": name, "font": {"color": INK}}, type="log" if name in logarithmic else None, **place
        )
        figure.update_yaxes(
            title={"text": words(metric) if i % A_ROW == 0 else None, "font": {"color": MUTED}}, **place
        )
    return calm(figure, 290 * rows + 20)


def _axis(values: pd.Series) -> list[object]:
    """Numbers as they are; words and truth values as words, which plotly spreads over an axis of categories."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return list(values)
    return [str(value) for value in values]
