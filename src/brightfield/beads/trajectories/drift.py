"""Drift of the stage or the sample: the common motion of the beads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from brightfield.beads.trajectories import Real
from brightfield.errors import BrightfieldError

LASTING = 0.8  # smallest share of the frames in which a bead must be seen to be a reference
FEWEST = 5  # smallest number of reference beads: with fewer, too much of their own motion would count as drift
ROUNDS = 20  # largest number of rounds of the median polish
CONVERGED_PX = 1e-6  # the polish has converged when no frame's shift changes by more
SMOOTHING_S = 1.0  # averaging time: drift is slow; faster motion is the beads' own, or noise


def drift(table: pd.DataFrame, reference: Sequence[int] | None = None, smoothing: int = 1) -> pd.DataFrame | None:
    """Estimate the drift of every frame from the first to the last.

    A median polish (Tukey 1977, Exploratory Data Analysis) splits the motion of the reference beads into a position for each bead
    and a shift for each frame. Beads need not be seen in every frame, and a single bead that jumps hardly matters. Frames without
    a reference bead are interpolated; those before the first or after the last take the nearest value.

    Args:
        table: trajectories, columns ``frame``, ``particle``, ``x``, ``y``.
        reference: particles that move with the stage only; None: all that are seen in at least 80 % of the frames, if there are
            at least five. With n freely moving beads, 1/n of each bead's slow motion counts as drift, so stuck beads are better.
        smoothing: number of frames over which drift is averaged, so that fast motion of the reference beads does not count.

    Returns:
        Columns ``frame``, ``x``, ``y`` in px, 0 in the first frame, and ``beads``, the number of reference beads seen;
        None where no reference is named and too few beads are seen in enough frames.

    Raises:
        BrightfieldError: a named particle does not exist.
    """
    if table.empty:
        return None
    frames = np.arange(table["frame"].min(), table["frame"].max() + 1)
    seen = table.groupby("particle")["frame"].size()
    if reference is None:
        chosen = seen.index[seen >= LASTING * len(frames)]
        if len(chosen) < FEWEST:
            return None
    else:
        if unknown := sorted(set(reference) - set(seen.index)):
            known = f"0 to {seen.index.max()}" if len(seen) == seen.index.max() + 1 else ", ".join(map(str, seen.index))
            raise BrightfieldError(
                f"There is no particle {', '.join(map(str, unknown))} to take drift from. Known: {known}."
            )
        chosen = pd.Index(sorted(set(reference)))
    used = table[table["particle"].isin(chosen)]
    shifts = {}
    for axis in ("x", "y"):
        wide = used.pivot(index="frame", columns="particle", values=axis)
        shift = _smooth(np.interp(frames, wide.index, _polish(wide.to_numpy(dtype=np.float64))), smoothing)
        shifts[axis] = shift - shift[0]
    counts = used.groupby("frame").size().reindex(frames, fill_value=0).to_numpy()
    return pd.DataFrame({"frame": frames, **shifts, "beads": counts})


def subtract(table: pd.DataFrame, shift: pd.DataFrame) -> pd.DataFrame:
    """Subtract the drift from trajectories; frames before its first or after its last take the nearest value."""
    moved = {axis: table[axis] - np.interp(table["frame"], shift["frame"], shift[axis]) for axis in ("x", "y")}
    return table.assign(**moved)


def _polish(wide: Real) -> Real:
    """The shift of each frame (T,) from coordinates (T, N), nan where a bead was not seen."""
    shift, left = np.zeros(len(wide)), wide.copy()
    for _ in range(ROUNDS):
        left -= np.nanmedian(left, axis=0)
        step = np.nanmedian(left, axis=1)
        left -= step[:, None]
        shift += step
        if np.abs(step).max() < CONVERGED_PX:
            break
    return shift


def _smooth(values: Real, frames: int) -> Real:
    """A moving average over an odd number of frames, which leaves a straight line as it is, at the ends too."""
    half = min(frames // 2, len(values) - 1)
    if half < 1:
        return values
    before, after = 2 * values[0] - values[half:0:-1], 2 * values[-1] - values[-2 : -half - 2 : -1]
    smooth = ndimage.uniform_filter1d(np.concatenate([before, values, after]), 2 * half + 1)
    return np.asarray(smooth[half : half + len(values)], dtype=np.float64)
