"""A profile fitted to the beads of some frames by least squares, nothing guessed.

Positions given the profile (:mod:`refining`), then the profile given the positions (linear least squares of its spline's
coefficients), in turns. Around a centre that is off, a radial mean is blurred; each turn sharpens it, until positions rest. The
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
TURNS = 15
RESTED_PX = 0.002  # positions that move less, root mean square, have come to rest
RESTLESS_PX = 0.1  # and those that still move more at the end belong to no common profile
SHOWN = 5.0  # times what a profile explains of noise alone: fewer, and there is no bead
SMOOTH = 1e-3  # of the mean information of a coefficient: holds those that few pixels see, and bends no others
MIXED = (
    np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6
)  # blind to what is smooth; keeps the deviation of white noise
log = logging.getLogger(__name__)


def fit_profile(
    windows: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    reach: float | None = None,
    gates: npt.ArrayLike | None = None,
    gradient: bool = False,
) -> tuple[Profile, Refined]:
    """Fit the profile that beads in windows share.

    Args:
        windows: (N, H, W), one bead each.
        starts: (N, 2), x and y in px, right to about a pixel (see :mod:`brightfield.beads.localisation.centring`).
        reach: px from the centre within which there is something of the bead; None: to the corners of a window.
        gates: (N, H, W) or (H, W) from 0 (a pixel that is not to count) to 1.
        gradient: fit a gradient of the background in each window.

    Returns:
        The profile, and the beads' places by it.

    Raises:
        BrightfieldError: no bead shows, or the positions do not come to rest.
    """
    pixels, positions = np.asarray(windows, dtype=np.float64), np.array(starts, dtype=np.float64).reshape(-1, 2)
    size = pixels.shape[1], pixels.shape[2]
    open_ = np.ones(pixels.shape) if gates is None else np.broadcast_to(np.asarray(gates, np.float64), pixels.shape)
    count = max(int((np.hypot(*size) / 2 if reach is None else reach) / KNOT_PX) - 1, 4)
    margin = int(np.ceil(np.abs(positions - np.array(size[::-1]) // 2).max(initial=0))) + 4
    amplitudes, ground, weights = np.ones(len(pixels)), _edges(pixels, open_), open_
    moved = np.inf
    for _ in range(TURNS):
        coefficients = _coefficients(pixels - ground, positions, amplitudes, weights, count)
        amplitudes *= np.abs(_peak(coefficients))
        coefficients /= np.abs(_peak(coefficients))
        profile, expected = _judged(pixels, positions, coefficients, amplitudes, ground, open_)
        found = Refiner(profile, size, margin=margin, gradient=gradient).refine(pixels, positions, open_)
        good = found.converged
        if not good.any() or not _shown(found, count, open_):
            raise BrightfieldError(_NO_BEAD.format(count=len(pixels), misfit=profile.misfit))
        moved = float(np.sqrt(np.mean((found.positions[good] - positions[good]) ** 2)))
        positions = np.where(good[:, None], found.positions, positions)
        amplitudes = np.where(good, found.amplitudes, 0.0)
        ground, weights = _grounds(found, size), open_ / profile.noise.variance(expected)
        if moved < RESTED_PX:
            break
    if moved > RESTLESS_PX:
        raise BrightfieldError(_RESTLESS.format(count=len(pixels), moved=moved))
    if moved >= RESTED_PX:
        log.warning("positions of the profile's beads still moved by %.3f px in the last turn", moved)
    return profile, found


_NO_BEAD = (
    "A profile was fitted to {count} windows, and they do not show it: its residual is {misfit:.1f} times the noise. "
    "Expected beads that look alike, one near the middle of each window. Give the diameter of the beads, or other frames."
)
_RESTLESS = (
    "The profile of {count} windows does not come to rest: positions still move by {moved:.2f} px a turn. Expected beads that "
    "look alike, one near the middle of each window. Give the diameter of the beads, or frames with fewer other things."
)


def _shown(found: Refined, count: int, open_: Real) -> bool:
    """Whether windows have more in common than the coefficients, positions and amplitudes find in noise."""
    explained = float((found.quality**2 * open_.sum(axis=(1, 2)))[found.converged].sum())
    return explained > SHOWN * (count + 3 * int(found.converged.sum()))


def _coefficients(signal: Real, positions: Real, amplitudes: Real, weights: Real, count: int) -> Real:
    """Of the spline, by weighted least squares over the pixels of all windows.

    The squared second differences of the coefficients cost a little (P-splines, Eilers and Marx 1996, Statistical Science 11,
    89), so that a coefficient which no pixel sees continues its neighbours.
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


def _peak(coefficients: Real) -> float:
    """The strongest deviation of the spline from 0, at its knots; never 0."""
    values = np.convolve(np.r_[coefficients[1], coefficients, 0], [1 / 6, 4 / 6, 1 / 6], mode="valid")
    return float(values[np.abs(values).argmax()]) or 1e-12


def _judged(
    pixels: Real, positions: Real, coefficients: Real, amplitudes: Real, ground: Real, open_: Real
) -> tuple[Profile, Real]:
    """A profile with its noise and misfit, and the images that it expects (N, H, W).

    The misfit compares residuals with their mixed second differences along x and y: white noise has as much in both, and
    what the profile fails to explain is smooth, and has less in the differences.
    """
    used = amplitudes > 0
    typical = Profile(coefficients, KNOT_PX, 1.0, 0.0, Noise(1.0, 0.0, 1.0))
    drawn = np.stack([typical.render(pixels.shape[1:], (x, y))[0] for x, y in positions])
    expected = ground + amplitudes[:, None, None] * drawn
    residual = pixels - expected
    seen = (open_ > 0.5) & used[:, None, None]
    noise = measure(expected[seen], residual[seen])
    whole = ndimage.minimum_filter(seen, (0, 3, 3), mode="constant") if seen.any() else seen
    fine = ndimage.convolve(residual, MIXED[None], mode="nearest")[whole]
    misfit = float(np.sqrt(np.mean(residual[seen] ** 2) / max(np.mean(fine**2), 1e-12))) if fine.size else np.nan
    amplitude = float(np.median(amplitudes[used]))
    background = float(np.median(ground[used]))
    return Profile(coefficients, KNOT_PX, amplitude, background, noise, misfit), expected


def _edges(pixels: Real, open_: Real) -> Real:
    """The median of each window's edge as far as it counts, (N, 1, 1); of the whole where none of the edge does."""
    edge = np.ones(pixels.shape[1:], dtype=np.bool_)
    edge[1:-1, 1:-1] = False
    median = []
    for window, gate in zip(pixels, open_ > 0.5, strict=True):
        seen = gate & edge if (gate & edge).any() else np.ones_like(edge)
        median.append(np.median(window[seen]))
    return np.array(median)[:, None, None]


def _grounds(found: Refined, size: tuple[int, int]) -> Real:
    """The background of each window, (N, H, W)."""
    y, x = np.linspace(-0.5, 0.5, size[0])[:, None], np.linspace(-0.5, 0.5, size[1])
    offset, gx, gy = found.offsets[:, None, None], found.slopes[:, :1, None], found.slopes[:, 1:, None]
    ground: Real = offset + gx * x + gy * y
    return ground
