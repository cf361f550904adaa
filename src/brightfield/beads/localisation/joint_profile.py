"""One profile fitted to whole frames at once, at given centres: beads that overlap need no window of their own.

For given centres, a frame is linear in the coefficients of the profile that all beads share, whether they overlap or not: each
pixel holds the sum of the splines of all beads near it. Windows with one bead each (:mod:`fitting`) do not exist where rings cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from brightfield.beads.localisation.fitting import DETECTION_RATIO, MIXED_DIFFERENCES, SMOOTH, peak_of
from brightfield.beads.localisation.noise import measure
from brightfield.beads.localisation.profile import KNOT_PX, Profile, basis
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]


def fit_joint_profile(frames: Sequence[npt.NDArray[Any]], places: Sequence[Real], reach: float) -> Profile:
    """Fit the common profile of all beads of some frames, with equal amplitudes and an even background in each frame.

    Args:
        frames: (H, W) each.
        places: (N, 2) of each frame, x and y in px, to about a pixel.
        reach: radius of a bead's image in px.

    Raises:
        BrightfieldError: the profile explains no more than noise.
    """
    count = max(int(reach / KNOT_PX) - 1, 4)
    matrix, right = np.zeros((count, count)), np.zeros(count)
    designs = [_design(frame.shape, centres, count) for frame, centres in zip(frames, places, strict=True)]
    levels = [float(np.median(frame)) for frame in frames]
    for frame, level, design in zip(frames, levels, designs, strict=True):
        above = frame.ravel().astype(np.float64) - level
        sums = np.asarray(design.sum(axis=0)).ravel()
        # the constant of each frame is eliminated
        matrix += (design.T @ design).toarray() - np.outer(sums, sums) / len(above)
        right += design.T @ above - sums * above.mean()
    bend = np.diff(np.eye(count + 2)[:, :count], n=2, axis=0)  # beyond the last there are zeros
    matrix += (SMOOTH * np.trace(matrix) / count + 1e-12) * (bend.T @ bend)
    coefficients = np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], dtype=np.float64)
    signal = [(design @ coefficients).reshape(frame.shape) for frame, design in zip(frames, designs, strict=True)]
    rest = [frame - one for frame, one in zip(frames, signal, strict=True)]
    fine = np.concatenate([ndimage.convolve(one, MIXED_DIFFERENCES, mode="nearest").ravel() for one in rest])
    squares = float(np.mean(np.concatenate([(one - one.mean()).ravel() for one in rest]) ** 2))
    white = max(float(np.mean(fine**2)), 1e-12)
    explained = sum(float(((one - one.mean()) ** 2).sum()) for one in signal)
    if explained <= DETECTION_RATIO * white * (count + 3 * sum(map(len, places))):
        raise BrightfieldError("A profile fitted to whole frames explains no more than noise: expected beads.")
    amplitude = abs(peak_of(coefficients))
    expected = np.concatenate([(one + level).ravel() for one, level in zip(signal, levels, strict=True)])
    return Profile(
        coefficients / amplitude,
        KNOT_PX,
        amplitude,
        float(np.median(levels)),
        measure(expected, fine),
        float(np.sqrt(squares / white)),
    )


def _design(shape: tuple[int, ...], centres: Real, count: int) -> sparse.csr_array:
    """The splines of all beads summed in each pixel, (H * W, count)."""
    height, width = shape
    reach = (count + 1) * KNOT_PX
    rows, columns, weights = [], [], []
    for x, y in centres:
        left, top = max(int(np.ceil(x - reach)), 0), max(int(np.ceil(y - reach)), 0)
        across, down = np.arange(left, min(int(x + reach) + 1, width)), np.arange(top, min(int(y + reach) + 1, height))
        which, weight, _ = basis(np.hypot(across - x, down[:, None] - y), KNOT_PX, count)
        rows.append(np.repeat((down[:, None] * width + across).ravel(), 4))
        columns.append(which.ravel())
        weights.append(weight.ravel())
    at = np.concatenate(rows or [np.empty(0, np.intp)]), np.concatenate(columns or [np.empty(0, np.intp)])
    values = np.concatenate(weights or [np.empty(0)])
    return sparse.coo_array((values, at), shape=(height * width, count)).tocsr()
