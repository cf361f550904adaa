"""Fit of a profile to the beads of some frames by least squares.

Two steps alternate until positions converge: positions for a given profile (:mod:`refining`), and the profile for given positions
(linear least squares for the coefficients of its spline). Errors of the centres blur a radial mean; each round sharpens it. The
centre itself cannot drift: a profile is even around it.
"""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from brightfield.beads.localisation.noise import Noise, measure
from brightfield.beads.localisation.profile import KNOT_PX, Profile, basis
from brightfield.beads.localisation.refining import Refiner
from brightfield.beads.localisation.solving import Refined
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
ROUNDS = 15  # largest number of rounds
CONVERGED_PX = 0.002  # positions have converged when they move by less in a round, root mean square
DIVERGED_PX = 0.1  # beads whose positions still move more after the last round share no profile
DETECTION_RATIO = 5.0  # explained variance over that of a profile fitted to noise: below, there is no bead
SMOOTH = 1e-3  # stiffness over the mean information of a coefficient: affects only coefficients with few pixels
# kernel of mixed second differences: removes smooth signals and leaves the standard deviation of white noise as it is
MIXED_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6
log = logging.getLogger(__name__)


def fit_profile(
    windows: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    reach: float | None = None,
    gates: npt.ArrayLike | None = None,
    gradient: bool = False,
) -> tuple[Profile, Refined]:
    """Fit the common profile of beads in windows.

    Args:
        windows: (N, H, W), one bead each.
        starts: (N, 2), x and y in px, accurate to about a pixel (see :mod:`brightfield.beads.localisation.centring`).
        reach: radius of a bead's image in px; None: to the corners of a window.
        gates: (N, H, W) or (H, W) weights of the pixels, from 0 (ignored) to 1.
        gradient: fit a gradient of the background in each window.

    Returns:
        The profile, and the beads refined with it.

    Raises:
        BrightfieldError: no bead is detected, or the positions do not converge.
    """
    pixels, positions = np.asarray(windows, dtype=np.float64), np.array(starts, dtype=np.float64).reshape(-1, 2)
    size = pixels.shape[1], pixels.shape[2]
    open_ = np.ones(pixels.shape) if gates is None else np.broadcast_to(np.asarray(gates, np.float64), pixels.shape)
    count = max(int((np.hypot(*size) / 2 if reach is None else reach) / KNOT_PX) - 1, 4)
    margin = int(np.ceil(np.abs(positions - np.array(size[::-1]) // 2).max(initial=0))) + 4
    amplitudes, ground, weights = np.ones(len(pixels)), _edges(pixels, open_), open_
    moved = np.inf
    for _ in range(ROUNDS):
        coefficients = _coefficients(pixels - ground, positions, amplitudes, weights, count)
        amplitudes *= np.abs(peak_of(coefficients))
        coefficients /= np.abs(peak_of(coefficients))
        profile, expected = _with_noise(pixels, positions, coefficients, amplitudes, ground, open_)
        found = Refiner(profile, size, margin=margin, gradient=gradient).refine(pixels, positions, open_)
        good = found.converged
        if not good.any() or not _detected(found, count, open_):
            raise BrightfieldError(_NO_BEAD.format(count=len(pixels), misfit=profile.misfit))
        moved = float(np.sqrt(np.mean((found.positions[good] - positions[good]) ** 2)))
        positions = np.where(good[:, None], found.positions, positions)
        amplitudes = np.where(good, found.amplitudes, 0.0)
        ground, weights = _backgrounds(found, size), open_ / profile.noise.variance(expected)
        if moved < CONVERGED_PX:
            break
    if moved > DIVERGED_PX:
        raise BrightfieldError(_NOT_CONVERGED.format(count=len(pixels), moved=moved))
    if moved >= CONVERGED_PX:
        log.warning("positions of the beads still moved by %.3f px in the last round of fitting their profile", moved)
    return profile, found


_NO_BEAD = (
    "A profile fitted to {count} windows explains no more than noise; its residual is {misfit:.1f} times the noise: expected beads "
    "that look alike, one near the middle of each window. Give the diameter of the beads, or other frames."
)
_NOT_CONVERGED = (
    "The profile of {count} windows does not converge, positions still move by {moved:.2f} px per round: expected beads that look "
    "alike, one near the middle of each window. Give the diameter of the beads, or frames with fewer other objects."
)


def _detected(found: Refined, count: int, open_: Real) -> bool:
    """Whether the profile explains more of the windows than as many parameters explain of noise."""
    explained = float((found.quality**2 * open_.sum(axis=(1, 2)))[found.converged].sum())
    return explained > DETECTION_RATIO * (count + 3 * int(found.converged.sum()))


def _coefficients(signal: Real, positions: Real, amplitudes: Real, weights: Real, count: int) -> Real:
    """The coefficients of the spline, by weighted least squares over the pixels of all windows.

    A small penalty on their squared second differences (P-splines, Eilers and Marx 1996, Statistical Science 11, 89) makes a
    coefficient without pixels continue its neighbours.
    """
    height, width = signal.shape[1:]
    normal, right = sparse.csr_array((count, count)), np.zeros(count)
    rows = np.repeat(np.arange(height * width), 4)
    for window, (x, y), amplitude, weight in zip(signal, positions, amplitudes, weights, strict=True):
        distance = np.hypot(np.arange(height)[:, None] - y, np.arange(width) - x)
        which, value, _ = basis(distance, KNOT_PX, count)
        design = sparse.csr_array((value.ravel() * amplitude, (rows, which.ravel())), shape=(height * width, count))
        weighted = design.T.multiply(weight.ravel()).tocsr()
        normal = normal + weighted @ design
        right += weighted @ window.ravel()
    matrix = normal.toarray()
    bend = np.diff(np.eye(count + 2)[:, :count], n=2, axis=0)  # beyond the last there are zeros
    matrix += SMOOTH * np.trace(matrix) / count * bend.T @ bend
    solved: Real = np.linalg.solve(matrix, right)
    return solved


def peak_of(coefficients: Real) -> float:
    """The largest deviation of the spline from 0 at its knots, with its sign; never 0."""
    values = np.convolve(np.r_[coefficients[1], coefficients, 0], [1 / 6, 4 / 6, 1 / 6], mode="valid")
    return float(values[np.abs(values).argmax()]) or 1e-12


def _with_noise(
    pixels: Real, positions: Real, coefficients: Real, amplitudes: Real, ground: Real, open_: Real
) -> tuple[Profile, Real]:
    """The profile with its noise and misfit, and the expected images (N, H, W).

    The misfit compares residuals with their mixed second differences along x and y: for white noise both have the same variance;
    an error of the profile is smooth, so its differences are smaller.
    """
    used = amplitudes > 0
    typical = Profile(coefficients, KNOT_PX, 1.0, 0.0, Noise(1.0, 0.0, 1.0))
    drawn = np.stack([typical.render(pixels.shape[1:], (x, y))[0] for x, y in positions])
    expected = ground + amplitudes[:, None, None] * drawn
    residual = pixels - expected
    seen = (open_ > 0.5) & used[:, None, None]
    noise = measure(expected[seen], residual[seen])
    whole = ndimage.minimum_filter(seen, (0, 3, 3), mode="constant") if seen.any() else seen
    fine = ndimage.convolve(residual, MIXED_DIFFERENCES[None], mode="nearest")[whole]
    misfit = float(np.sqrt(np.mean(residual[seen] ** 2) / max(np.mean(fine**2), 1e-12))) if fine.size else np.nan
    amplitude = float(np.median(amplitudes[used]))
    background = float(np.median(ground[used]))
    return Profile(coefficients, KNOT_PX, amplitude, background, noise, misfit), expected


def _edges(pixels: Real, open_: Real) -> Real:
    """The median of the pixels with weight at each window's edge, (N, 1, 1); of the whole window where there are none."""
    edge = np.ones(pixels.shape[1:], dtype=np.bool_)
    edge[1:-1, 1:-1] = False
    median = []
    for window, gate in zip(pixels, open_ > 0.5, strict=True):
        seen = gate & edge if (gate & edge).any() else np.ones_like(edge)
        median.append(np.median(window[seen]))
    return np.array(median)[:, None, None]


def _backgrounds(found: Refined, size: tuple[int, int]) -> Real:
    """The fitted background of each window, (N, H, W)."""
    y, x = np.linspace(-0.5, 0.5, size[0])[:, None], np.linspace(-0.5, 0.5, size[1])
    offset, gx, gy = found.offsets[:, None, None], found.slopes[:, :1, None], found.slopes[:, 1:, None]
    ground: Real = offset + gx * x + gy * y
    return ground
