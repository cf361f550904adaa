"""The common style of all figures, and one colour per model on all pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

# seen on white and on dark; what has no colour here has the text colour of the page, light or dark
MUTED, GRID, CLEAR = "#7b8794", "rgba(123,135,148,0.22)", "rgba(0,0,0,0)"
GOOD = "#3a9a6c"
MEMBERS = ("#2f6fb0", "#e08a2e", "#3a9a6c", "#9464b3", "#c4546a", "#3fa3b5", "#a8843c", "#5d6b9c")
BASELINES = ("#8b929c", "#b9bec6")
ENSEMBLES = ("#4257a8", "#8593cf")
PALETTES: dict[str, Sequence[str]] = {"member": MEMBERS, "baseline": BASELINES, "ensemble": ENSEMBLES}
SHARES = [[0.0, "#f6f8fb"], [0.25, "#cfdff0"], [0.5, "#8fb5dc"], [0.75, "#4a83bd"], [1.0, "#1f4e86"]]
FONT = '"Source Sans", "Source Sans 3", "Source Sans Pro", sans-serif'
# configuration for st.plotly_chart
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def colours(models: pd.DataFrame) -> dict[str, str]:
    """A colour for each row of ``models`` (name, task, role): members bright, baselines grey, ensembles dark."""
    found: dict[str, str] = {}
    used: Counter[tuple[str, str]] = Counter()
    for model in models.to_dict("records"):
        palette, place = PALETTES[model["role"]], (model["task"], model["role"])
        found[model["name"]] = palette[used[place] % len(palette)]
        used[place] += 1
    return found


def series(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name other than a model's, in order."""
    return {name: MEMBERS[i % len(MEMBERS)] for i, name in enumerate(names)}


def calm(figure: go.Figure, height: int, **layout: object) -> go.Figure:
    """Set the common style of a figure."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": FONT, "size": 13},
        hoverlabel={"font": {"family": FONT, "size": 13}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None},
        bargap=0.35,
    )
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "automargin": True,
    }
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    figure.update_layout(layout)
    return figure


def reach(value: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> dict[str, object]:
    """Error bars from values to their bounds, without those to bounds that are nan."""
    values, lows, highs = (np.atleast_1d(np.asarray(given, dtype=float)) for given in (value, low, high))
    return {
        "type": "data",
        "symmetric": False,
        "array": np.fmax(highs - values, 0.0).tolist(),
        "arrayminus": np.fmax(values - lows, 0.0).tolist(),
        "thickness": 1.6,
        "width": 0,
    }
