"""Drift of the stage or the sample: the motion that beads have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from brightfield.beads.trajectories import Real
from brightfield.errors import BrightfieldError

LASTING = 0.8  # share of the frames in which a bead must be seen to have a say in the common motion
FEWEST = 5  # such beads: with fewer, too much of their own motion would be taken for drift
ROUNDS = 20  # of the median polish
SETTLED = 1e-6  # px: no frame moves by more in a round
SMOOTHING_S = 1.0  # drift is slow; what is faster is the beads' own motion and noise


def drift(table: pd.DataFrame, reference: Sequence[int] | None = None, smoothing: int = 1) -> pd.DataFrame | None:
    """The drift of every frame from the first to the last.

    The motion of beads is split into a place for each bead and a shift for each frame by a median polish (Tukey 1977,
    Exploratory Data Analysis), which needs no bead to be seen in every frame and lets no single bead that jumps lead the others.
    Frames in which no such bead was seen are interpolated; those before the first or after the last take its value.

    Args:
        table: trajectories, columns ``frame``, ``particle``, ``x``, ``y``.
        reference: particles that do not move but with the stage; None: all that are seen in at least 80 % of the frames, if they
            are at least five. Of n beads that move by themselves one n-th of each bead's slow motion is taken for drift: better
            name some that are stuck.
        smoothing: frames over which drift is averaged, so that fast motion of the reference beads is not taken for it.

    Returns:
        Columns ``frame``, ``x``, ``y`` in px, 0 in the first frame, and ``beads``, how many of them were seen;
        None where no reference is named and too few beads last.

    Raises:
        BrightfieldError: a named particle is not there.
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
    """Trajectories without the drift; frames before the first or after the last of the drift take the value of that one."""
    moved = {axis: table[axis] - np.interp(table["frame"], shift["frame"], shift[axis]) for axis in ("x", "y")}
    return table.assign(**moved)


def _polish(wide: Real) -> Real:
    """The shift of each frame (T,), from (T, N) coordinates with nan where a bead was not seen."""
    shift, left = np.zeros(len(wide)), wide.copy()
    for _ in range(ROUNDS):
        left -= np.nanmedian(left, axis=0)
        step = np.nanmedian(left, axis=1)
        left -= step[:, None]
        shift += step
        if np.abs(step).max() < SETTLED:
            break
    return shift


def _smooth(values: Real, frames: int) -> Real:
    """A moving average over an odd number of frames; a straight line stays one, at the ends too."""
    half = min(frames // 2, len(values) - 1)
    if half < 1:
        return values
    before, after = 2 * values[0] - values[half:0:-1], 2 * values[-1] - values[-2 : -half - 2 : -1]
    smooth = ndimage.uniform_filter1d(np.concatenate([before, values, after]), 2 * half + 1)
    return np.asarray(smooth[half : half + len(values)], dtype=np.float64)
