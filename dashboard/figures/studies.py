"""A tuning study: its history, and the objective against each parameter."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from figures.style import GOOD, INK, MUTED, calm
from wording import words

STATES = {  # colour, symbol
    "complete": ("#2f6fb0", "circle"),
    "pruned": ("#b9bec6", "x-thin-open"),
    "running": ("#e08a2e", "circle-open"),
    "failed": ("#c4546a", "x-thin-open"),
}
PER_ROW = 3  # number of panels per row
FEW = 8  # largest range of whole numbers whose axis has a tick at each


def history(trials: pd.DataFrame, metric: str, direction: str) -> go.Figure:
    """The value of each trial by its state, and the best value of the complete trials so far.

    Args:
        trials: columns number, state, value; the value of a pruned trial is its last.
        metric: name of the objective.
        direction: ``maximize`` or ``minimize``.
    """
    figure = go.Figure()
    for state in STATES:
        some = trials[(trials["state"] == state) & trials["value"].notna()]
        if some.empty:
            continue
        figure.add_scatter(
            x=some["number"],
            y=some["value"],
            name=state,
            mode="markers",
            marker=_marker(state, 9),
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
    """Columns number and best, one row per complete trial."""
    table = trials[(trials["state"] == "complete") & trials["value"].notna()].sort_values("number")
    best = table["value"].cummin() if direction == "minimize" else table["value"].cummax()
    return pd.DataFrame({"number": table["number"], "best": best})


def slices(
    trials: pd.DataFrame, parameters: Sequence[str], metric: str, direction: str, logarithmic: Collection[str] = ()
) -> go.Figure:
    """One panel per parameter: the objective of each complete or pruned trial against its value, with the best trial marked.

    Args:
        trials: columns number, state, value, and the parameters.
        parameters: names of the parameters.
        metric: name of the objective.
        direction: ``maximize`` or ``minimize``.
        logarithmic: parameters with a logarithmic axis.
    """
    table = trials[trials["value"].notna() & trials["state"].isin(["complete", "pruned"])]
    rows, columns = -(-len(parameters) // PER_ROW), min(len(parameters), PER_ROW)
    figure = make_subplots(rows, columns, shared_yaxes=True, horizontal_spacing=0.03, vertical_spacing=0.28 / rows)
    complete = table[table["state"] == "complete"]
    layers = {
        "pruned": (table[table["state"] == "pruned"], _marker("pruned", 8)),
        "complete": (complete, _marker("complete", 8)),
        "best": (
            complete.sort_values("value", ascending=direction == "minimize").head(1),
            {"color": GOOD, "size": 15, "symbol": "circle-open", "line": {"width": 3, "color": GOOD}},
        ),
    }
    for i, name in enumerate(parameters):
        place = {"row": i // PER_ROW + 1, "col": i % PER_ROW + 1}
        for layer, (some, marker) in layers.items():
            some = some[some[name].notna()]
            figure.add_scatter(
                x=_axis(some[name]),
                y=some["value"],
                customdata=some["number"],
                name=layer,
                legendgroup=layer,
                showlegend=i == 0 and len(some) > 0,
                mode="markers",
                marker=marker,
                hovertemplate=f"{name} %{{x}}: %{{y:.4g}}<extra>trial %{{customdata}}</extra>",
                **place,
            )
        figure.update_xaxes(
            title={"text": name, "font": {"color": INK}}, **_scale(table[name], name in logarithmic), **place
        )
        if i % PER_ROW == 0:
            figure.update_yaxes(title={"text": words(metric), "font": {"color": MUTED}}, **place)
    return calm(figure, 290 * rows + 20)


def _marker(state: str, size: int) -> dict[str, object]:
    colour, symbol = STATES[state]
    return {"color": colour, "symbol": symbol, "size": size, "line": {"width": 2, "color": colour}}


def _scale(values: pd.Series, logarithmic: bool) -> dict[str, object]:
    """The type and ticks of an axis: at 1, 2 and 5 if logarithmic, at each of a few whole numbers."""
    if logarithmic:
        return {"type": "log", "dtick": "D2"}
    few = pd.api.types.is_integer_dtype(values) and values.max() - values.min() <= FEW
    return {"dtick": 1} if few else {}


def _axis(values: pd.Series) -> list[object]:
    """Numbers unchanged; words and truth values as text, for which plotly makes an axis of categories."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return list(values)
    return [str(value) for value in values]
