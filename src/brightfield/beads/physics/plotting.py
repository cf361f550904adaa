"""One figure of the results: trajectories, mean squared displacements, spectra and Allan deviations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brightfield.beads.trajectories.judging import Bead

MOST_BEADS = 10  # largest number of beads drawn: those seen in most frames
SIZE_IN, DPI = (13.0, 10.0), 110
COLOURS = "tab10"  # ten colours that most people can distinguish
MARGINS = {"left": 0.06, "right": 0.985, "bottom": 0.055, "top": 0.965, "wspace": 0.17, "hspace": 0.2}
POINTS = 4000  # points drawn of a longer trajectory


def draw(
    path: Path,
    table: pd.DataFrame,
    beads: Mapping[int, Bead],
    tables: Mapping[str, pd.DataFrame],
) -> None:
    """Write the figure as PNG.

    Args:
        path: of the PNG.
        table: trajectories, columns particle, x_um, y_um.
        beads: results, by particle number.
        tables: msd.csv, spectra.csv and allan.csv of :func:`brightfield.beads.physics.tables.all_tables`.
    """
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = sorted(sorted(beads, key=lambda particle: -len(beads[particle].track))[:MOST_BEADS])
    colours = dict(zip(chosen, colormaps[COLOURS](np.arange(MOST_BEADS)), strict=False))
    figure = Figure(figsize=SIZE_IN, dpi=DPI)  # fixed margins: an automatic layout takes most of the time
    FigureCanvasAgg(figure)
    (paths, moved), (spectra, steady) = figure.subplots(2, 2, gridspec_kw=MARGINS)
    for particle, colour in colours.items():
        bead, rows = beads[particle], table[table["particle"] == particle]
        every = max(1, len(rows) // POINTS)
        x, y = (rows[name] - rows[name].mean() for name in ("x_um", "y_um"))
        paths.plot(x[::every], y[::every], lw=0.7, color=colour, label=f"{particle}: {bead.kind}")
        own = {
            name: tables[name][tables[name]["particle"] == particle] for name in ("msd.csv", "spectra.csv", "allan.csv")
        }
        _displacement(moved, own["msd.csv"], colour)
        _spectrum(spectra, own["spectra.csv"], colour)
        _deviation(steady, own["allan.csv"], colour)
    more = "" if len(beads) <= MOST_BEADS else f" (the {MOST_BEADS} of {len(beads)} beads seen in most frames)"
    _frame(paths, f"Trajectories about their mean, without drift{more}", "x (um)", "y (um)", scale="linear")
    paths.set_aspect("equal", adjustable="datalim")
    paths.invert_yaxis()  # as in the image
    paths.legend(fontsize=8, loc="best")
    _frame(moved, "Mean squared displacement; lines: the fitted model", "lag (s)", "MSD (um$^2$)")
    _frame(
        spectra, "Power spectrum of a coordinate, one-sided; lines: fitted trap", "frequency (Hz)", "power (um$^2$/Hz)"
    )
    _frame(steady, "Overlapping Allan deviation", "averaged over (s)", "deviation (um)")
    figure.savefig(path, format="png")


def _displacement(axes: Any, rows: pd.DataFrame, colour: Any) -> None:
    axes.errorbar(rows["lag_s"], rows["msd_um2"], rows["standard_error_um2"], fmt=".", ms=4, lw=0.6, color=colour)
    axes.plot(rows["lag_s"], rows["fitted_um2"], color=colour, lw=1)


def _spectrum(axes: Any, rows: pd.DataFrame, colour: Any) -> None:
    axes.plot(rows["frequency_hz"], rows[["power_x_um2_hz", "power_y_um2_hz"]].mean(axis=1), ".", ms=4, color=colour)
    axes.plot(rows["frequency_hz"], rows["fitted_um2_hz"], lw=1, color=colour)


def _deviation(axes: Any, rows: pd.DataFrame, colour: Any) -> None:
    axes.plot(rows["tau_s"], rows["deviation_um"], ".-", ms=4, lw=0.8, color=colour)
    axes.fill_between(rows["tau_s"], rows["low_um"], rows["high_um"], color=colour, alpha=0.15, lw=0)


def _frame(axes: Any, title: str, x: str, y: str, scale: str = "log") -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    for axis, set_scale in (("x", axes.set_xscale), ("y", axes.set_yscale)):
        shown = [np.asarray(line.get_data()[axis == "y"], dtype=np.float64) for line in axes.get_lines()]
        if any((values > 0).any() for values in shown):  # a logarithmic axis needs a positive value
            set_scale(scale)
            if scale == "log":
                # there is no room for labels between powers of ten
                getattr(axes, f"{axis}axis").set_minor_formatter("")
    axes.grid(alpha=0.3)
