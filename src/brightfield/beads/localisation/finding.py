"""Candidates for beads of unknown profile: points at which many gradients meet.

Fast radial symmetry (Loy and Zelinsky 2003, IEEE Transactions on Pattern Analysis and Machine Intelligence 25, 959): every steep
pixel votes, for each radius, for the two points at this distance up and down its gradient. All rings of a bead, bright or dark,
vote for its centre.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from brightfield.beads.localisation.noise import ROBUST

Real = npt.NDArray[np.float64]
SMOOTH_PX = 1.0  # standard deviation of the smoothing of gradients and of votes
STEEP = 4.0  # smallest gradient that votes, in robust standard deviations: less is noise
STEEPEST = 0.15  # largest share of the pixels that vote
LEAST_VOTES = 0.3  # smallest number of votes of a candidate over the median of the strongest ones
STRONGEST = 5  # number of these strongest candidates


def symmetry(frame: npt.ArrayLike, radius: int) -> Real:
    """The votes for each pixel of a frame (H, W): the gradients of up to ``radius`` px away that point to or from it."""
    pixels = np.asarray(frame, dtype=np.float64)
    gx, gy = (ndimage.gaussian_filter(pixels, SMOOTH_PX, order=order) for order in ((0, 1), (1, 0)))
    steepness = np.hypot(gx, gy)
    limit = max(STEEP * ROBUST * float(np.median(steepness)) / 2, float(np.quantile(steepness, 1 - STEEPEST)))
    y, x = np.nonzero(steepness > limit)
    size = steepness[y, x]
    ux, uy = gx[y, x] / size, gy[y, x] / size
    votes = np.zeros(pixels.shape)
    height, width = pixels.shape
    for distance in range(1, radius + 1):
        for sign in (-distance, distance):
            column, row = np.rint(x + sign * ux).astype(np.intp), np.rint(y + sign * uy).astype(np.intp)
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            at = row[inside] * width + column[inside]
            # a longer ring has more pixels: each has less weight
            votes += np.bincount(at, size[inside] / distance, height * width).reshape(height, width)
    smoothed: Real = ndimage.gaussian_filter(votes, SMOOTH_PX)
    return smoothed


def candidates(frame: npt.ArrayLike, radius: int, separation: float) -> tuple[Real, Real]:
    """Centres of symmetry in a frame (H, W), the strongest first.

    Args:
        frame: the image.
        radius: radius of the outermost ring that votes, in px.
        separation: smallest distance between two candidates in px.

    Returns:
        Positions (N, 2), x and y in px, and the votes for each (N,).
    """
    votes = symmetry(frame, radius)
    peak = (ndimage.maximum_filter(votes, 5) == votes) & (votes > 0)
    y, x = np.nonzero(peak)
    positions, strength = np.stack([x, y], axis=1).astype(np.float64), votes[y, x]
    kept = suppress_weaker(positions, strength, separation)
    if len(kept):
        kept = kept[strength[kept] >= LEAST_VOTES * float(np.median(strength[kept[:STRONGEST]]))]
    return positions[kept], strength[kept]


def suppress_weaker(positions: Real, strength: Real, separation: float) -> npt.NDArray[np.intp]:
    """Non-maximum suppression: the rows that remain, strongest first, with no two nearer than ``separation`` px."""
    order = np.argsort(-strength, kind="stable")
    if not len(order):
        return order
    tree, nearest = cKDTree(positions), separation * (1 - 1e-9)
    if not len(tree.query_pairs(nearest, output_type="ndarray")):
        return order
    near = tree.query_ball_point(positions, nearest)
    free = np.ones(len(positions), dtype=np.bool_)
    kept = []
    for i in order:
        if free[i]:
            kept.append(i)
            free[near[i]] = False
    return np.array(kept, dtype=np.intp)
