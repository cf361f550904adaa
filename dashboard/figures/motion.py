"""How beads move: trajectories, mean squared displacements, spectra, Allan deviations, and places within a pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from figures.style import MEMBERS, MUTED, calm, reach

POINTS = 3000  # drawn of a longer trajectory
HEIGHT = 440
BINS = 20  # of a pixel
UM, SQUARED = "\N{MICRO SIGN}m", "\N{SUPERSCRIPT TWO}"


def trajectories(table: pd.DataFrame, colours: Mapping[int, str]) -> go.Figure:
    """Where each bead went, without drift, about its mean; y points down, as in the image.

    Args:
        table: trajectories.csv.
        colours: of each bead that is drawn, by its number.
    """
    figure = go.Figure()
    for particle, rows in _each(table, colours):
        some = rows.iloc[:: max(1, len(rows) // POINTS)]
        x, y = (some[name] - rows[name].mean() for name in ("x_um", "y_um"))
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"width": 1, "color": colours[particle]},
            name=str(particle),
            customdata=some["frame"],
            hovertemplate=f"bead {particle}, frame %{{customdata}}<br>%{{x:.4g}}, %{{y:.4g}} {UM}<extra></extra>",
        )
    calm(figure, HEIGHT)
    figure.update_xaxes(title=f"x ({UM})")
    figure.update_yaxes(title=f"y ({UM})", autorange="reversed", scaleanchor="x")
    return figure


def displacements(table: pd.DataFrame, colours: Mapping[int, str]) -> go.Figure:
    """Mean squared displacements with standard errors; lines are the fitted models, where there are any."""
    figure = go.Figure()
    for particle, rows in _each(table, colours):
        error = {"type": "data", "array": rows["standard_error_um2"], "thickness": 1, "width": 0}
        _points(figure, rows["lag_s"], rows["msd_um2"], particle, colours, error_y=error)
        if "fitted_um2" in rows:
            _line(figure, rows["lag_s"], rows["fitted_um2"], particle, colours)
    return _logarithmic(figure, "lag (s)", f"MSD ({UM}{SQUARED})")


def spectra(table: pd.DataFrame, colours: Mapping[int, str]) -> go.Figure:
    """Power spectra, the mean of both coordinates; lines are fitted traps."""
    figure = go.Figure()
    for particle, rows in _each(table, colours):
        power = rows[["power_x_um2_hz", "power_y_um2_hz"]].mean(axis=1)
        _points(figure, rows["frequency_hz"], power, particle, colours)
        _line(figure, rows["frequency_hz"], rows["fitted_um2_hz"], particle, colours)
    return _logarithmic(figure, "frequency (Hz)", f"power ({UM}{SQUARED}/Hz)")


def stability(table: pd.DataFrame, colours: Mapping[int, str]) -> go.Figure:
    """Allan deviations with their intervals: how much a position still changes when it is averaged over a time."""
    figure = go.Figure()
    for particle, rows in _each(table, colours):
        value = rows["deviation_um"]
        error = reach(value, rows["low_um"], rows["high_um"])
        _points(figure, rows["tau_s"], value, particle, colours, error_y=error)
    return _logarithmic(figure, "averaged over (s)", f"Allan deviation ({UM})")


def phases(table: pd.DataFrame, colours: Mapping[int, str]) -> go.Figure:
    """How often positions lie at each place within a pixel: where beads roam over several, all are as frequent, unless they lock.

    Args:
        table: trajectories.csv.
        colours: of the beads that are counted.
    """
    some = table[table["particle"].isin(list(colours))]
    figure = go.Figure()
    edges = np.linspace(-0.5, 0.5, BINS + 1)
    for name, colour in zip("xy", MEMBERS, strict=False):
        within = some[name].to_numpy(dtype=float)
        within = within - np.round(within)
        counts, _ = np.histogram(within[np.isfinite(within)], edges)
        share = counts / max(1, counts.sum())
        figure.add_scatter(
            x=(edges[1:] + edges[:-1]) / 2,
            y=share,
            mode="lines",
            line={"shape": "hvh", "width": 2, "color": colour},
            name=name,
            hovertemplate="%{x:.2f} px from the centre: %{y:.1%}<extra>" + name + "</extra>",
        )
    figure.add_hline(y=1 / BINS, line={"color": MUTED, "dash": "dot", "width": 1.2})
    calm(figure, HEIGHT)
    figure.update_xaxes(title="distance from the centre of the nearest pixel (px)", range=[-0.5, 0.5])
    figure.update_yaxes(title="share of positions", tickformat=".0%", rangemode="tozero")
    return figure


def _each(table: pd.DataFrame, colours: Mapping[int, str]) -> list[tuple[int, pd.DataFrame]]:
    return [(particle, table[table["particle"] == particle]) for particle in colours]


def _points(
    figure: go.Figure, x: pd.Series, y: pd.Series, particle: int, colours: Mapping[int, str], **options: object
) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 5, "color": colours[particle]},
        name=str(particle),
        legendgroup=str(particle),
        hovertemplate=f"bead {particle}<br>%{{x:.3g}}: %{{y:.4g}}<extra></extra>",
        **options,
    )


def _line(figure: go.Figure, x: pd.Series, y: pd.Series, particle: int, colours: Mapping[int, str]) -> None:
    if y.notna().any():
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"width": 1.4, "color": colours[particle]},
            showlegend=False,
            legendgroup=str(particle),
            hoverinfo="skip",
        )


def _logarithmic(figure: go.Figure, x: str, y: str) -> go.Figure:
    calm(figure, HEIGHT)
    figure.update_xaxes(title=x, type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title=y, type="log", exponentformat="power", dtick=1)
    return figure
