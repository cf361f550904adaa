"""A fitted profile as a picture: the line, and the pixels that it is fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightfield.localising.profile import Profile

SHOWN = 20_000  # pixels: more are a black cloud


def profile_figure(profile: Profile, windows: npt.NDArray[Any], positions: npt.NDArray[np.float64]) -> Figure:
    """The radial profile on the measured pixels.

    Args:
        profile: fitted.
        windows: (N, H, W) in the units that it was fitted in, without other beads.
        positions: (N, 2) of the beads in their windows, x and y in px.
    """
    height, width = windows.shape[1:]
    y, x = np.indices((height, width))
    distance = np.hypot(x - positions[:, 0, None, None], y - positions[:, 1, None, None]).ravel()
    chosen = np.flatnonzero(distance < profile.reach)
    chosen = chosen[:: max(len(chosen) // SHOWN, 1)]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(distance[chosen], windows.ravel()[chosen], ",", color="0.45", label="measured pixels", rasterized=True)
    r = np.linspace(0, min(profile.reach, float(distance.max(initial=1.0))), 600)
    axes.plot(r, profile.background + profile.amplitude * profile.at(r), color="tab:red", label="fitted profile")
    axes.axvline(profile.extent(), color="0.7", linestyle="--", label="holds 99% of what the position is known by")
    axes.set_xlabel("distance from the centre (px)")
    axes.set_ylabel("brightness (units of the image)")
    axes.set_title(f"{len(windows)} beads; residual {profile.misfit:.2f} times the noise of a pixel")
    axes.legend(loc="best", markerscale=12)
    return figure


def write_profile(path: Path, figure: Figure) -> None:
    """As PNG."""
    figure.savefig(path, dpi=120, format="png")
