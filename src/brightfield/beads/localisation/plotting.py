"""A figure of fitted profiles, as lines on the measured pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightfield.beads.localisation.profile import Profile

SHOWN = 20_000  # largest number of pixels drawn: more merge into a black area


def profile_figure(
    profiles: Sequence[Profile],
    windows: npt.NDArray[Any],
    positions: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.intp] | None = None,
) -> Figure:
    """Draw the radial profile of each kind of bead on the measured pixels, one below the other.

    Args:
        profiles: fitted profiles, one per kind.
        windows: (N, H, W) in the units of the fit, with other beads subtracted.
        positions: (N, 2) x and y in px of the beads in their windows.
        kinds: (N,) index of the profile of each bead; None: all 0.
    """
    figure = Figure(figsize=(7, 4.2 * len(profiles)), layout="constrained")
    FigureCanvasAgg(figure)
    of = np.zeros(len(windows), dtype=np.intp) if kinds is None else kinds
    for kind, profile in enumerate(profiles):
        axes = figure.add_subplot(len(profiles), 1, kind + 1)
        _draw(axes, profile, windows[of == kind], positions[of == kind])
        if len(profiles) > 1:
            axes.set_title(f"Kind {kind + 1} of {len(profiles)}: {axes.get_title()}")
    return figure


def _draw(axes: Axes, profile: Profile, windows: npt.NDArray[Any], positions: npt.NDArray[np.float64]) -> None:
    """Draw the beads of one kind."""
    height, width = windows.shape[1:]
    y, x = np.indices((height, width))
    distance = np.hypot(x - positions[:, 0, None, None], y - positions[:, 1, None, None]).ravel()
    chosen = np.flatnonzero(distance < profile.reach)
    chosen = chosen[:: max(len(chosen) // SHOWN, 1)]
    axes.plot(distance[chosen], windows.ravel()[chosen], ",", color="0.45", label="measured pixels", rasterized=True)
    r = np.linspace(0, min(profile.reach, float(distance.max(initial=1.0))), 600)
    axes.plot(r, profile.background + profile.amplitude * profile.at(r), color="tab:red", label="fitted profile")
    axes.axvline(profile.extent(), color="0.7", linestyle="--", label="holds 99% of the information about the position")
    axes.set_xlabel("distance from the centre (px)")
    axes.set_ylabel("brightness (units of the image)")
    axes.set_title(f"{len(windows)} beads; residual {profile.misfit:.2f} times the noise of a pixel")
    axes.legend(loc="best", markerscale=12)


def write_profile(path: Path, figure: Figure) -> None:
    """Write the figure as PNG."""
    figure.savefig(path, dpi=120, format="png")
