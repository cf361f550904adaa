"""Beads of one window fitted together, each with a radial profile of its own, in light that is uneven.

What transmits light multiplies: the expected image is

    dark + (plane of light) * product over beads of (1 + f_k(distance to bead k))

with f_k a cubic spline. Gauss-Newton over everything at once: coefficients, positions and light. A change of a radial profile is
even around its centre and a shift odd, so a profile of its own costs a bead none of its precision, and a neighbour costs no more
than what its rings share with the derivative of the bead. The light in the middle stays what it was told: its scale is the
profile's. Weights are robust (Cauchy): what is neither bead nor light, such as debris, hardly pulls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from brightfield.errors import BrightfieldError
from brightfield.localising.fitting import MIXED, SHOWN, SMOOTH
from brightfield.localising.noise import ROBUST, Noise, measure
from brightfield.localising.profile import basis

Real = npt.NDArray[np.float64]
KNOT_PX = (
    0.8  # between knots: two and a half in the shortest period that pixels hold; finer ones fit the noise of one window
)
STEPS = 20
TAIL = (
    2.0  # standard deviations, at which weights halve: a clean image loses 4% of its precision, debris half of its pull
)
LONGEST_PX = 1.0  # of one step
RESTED = 0.05  # standard errors: a first bead that moves less has come to rest,
RESTED_PX = 0.1  # and its neighbours when they move less than this
RIDGE = 1e-4  # of the mean information of a coefficient: settles which of two beads has what both might have


@dataclass(frozen=True)
class Together:
    """Where the beads of one window are; the first is the one that was asked for.

    Attributes:
        positions: (K, 2) x and y in px of the window.
        errors: (K, 2) standard errors in px, from the inverse Fisher matrix scaled to the misfit.
        profiles: of each bead, coefficients (n,) of its spline, relative to the light.
        light: (3,) in the middle, and its growth from left to right and from top to bottom, in the units of the image.
        residuals: (H, W) of each pixel, over the noise's standard deviation.
        misfit: median absolute residual over that of the noise: 1 where beads and light explain most pixels, debris or not.
        converged: whether positions came to rest.
        shown: whether the first bead explains more than the coefficients of its profile find in noise.
    """

    positions: Real
    errors: Real
    profiles: tuple[Real, ...]
    light: Real
    residuals: Real
    misfit: float
    converged: bool
    shown: bool


def fit_together(
    window: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    gate: npt.ArrayLike | None = None,
    dark: float = 0.0,
    noise: Noise | None = None,
    steps: int = STEPS,
) -> Together:
    """Fit all beads of one window together.

    Args:
        window: (H, W) in the units of the camera.
        starts: (K, 2) x and y in px, right to about a quarter of a ring; they may lie beyond the window.
        gate: (H, W) from 0 (a pixel that is not to count) to 1.
        dark: counts without light, which nothing multiplies.
        noise: of the pixels; None: measured in the residuals of this window.
        steps: at most so many.

    Raises:
        BrightfieldError: no start, or a window whose light is not above ``dark``.
    """
    pixels, places = np.asarray(window, dtype=np.float64) - dark, np.array(starts, dtype=np.float64).reshape(-1, 2)
    open_ = np.ones(pixels.shape) if gate is None else np.asarray(gate, dtype=np.float64)
    level = _level(pixels, places, open_)
    model = _Model(pixels.shape, places, level)
    if noise is not None:
        noise = Noise(noise.constant + noise.slope * dark, noise.slope, noise.floor)  # of the signal above the dark
    told, converged = noise, False
    error = np.zeros((len(places), 2))
    for turn in range(steps):
        design, where = model.design()
        expected = model.expected()
        residual = pixels.ravel() - expected
        if noise is None and turn < 4:
            told = (
                _fine_noise(expected, residual, pixels.shape, open_) if turn else Noise(0.0, 1.0, 1e-9 * level + 1e-12)
            )
        assert told is not None
        sigma = np.sqrt(told.variance(expected.copy()))
        weight = open_.ravel() / sigma**2
        if turn > 1:
            weight /= 1 + (residual / sigma / TAIL) ** 2
        step, error = model.step(design, where, weight, residual, moving=turn > 0)
        if turn > 3 and (np.abs(step[0]) < RESTED * error[0]).all() and np.abs(step).max() < RESTED_PX:
            converged = True
            break
    residuals = (residual / sigma).reshape(pixels.shape)
    misfit = float(ROBUST * np.median(np.abs(residuals[open_ > 0.5])))
    return model.told(residuals, misfit, error, weight, converged)


def _level(pixels: Real, places: Real, open_: Real) -> float:
    """The median of the pixels that count: the light."""
    level = float(np.median(pixels[open_ > 0.5])) if (open_ > 0.5).any() else 0.0
    if not len(places) or level <= 0:
        raise BrightfieldError(
            f"Got {len(places)} starts and a window whose pixels that count have a median of {level:g} above the dark: expected at "
            "least one start, and light. Give counts as the camera records them, and the offset of the camera as `dark`."
        )
    return level


class _Model:
    """Parameters of a window, and their derivatives in its pixels."""

    def __init__(self, size: tuple[int, ...], places: Real, level: float) -> None:
        height, width = size
        self.positions, self.light = places, np.array([level, 0.0, 0.0])
        y, x = np.indices((height, width)).reshape(2, -1).astype(np.float64)
        self.x, self.y = x, y
        self.tilts = np.stack([x / (width - 1) - 0.5, y / (height - 1) - 0.5])
        far = [np.hypot(np.abs(x - px).max(), np.abs(y - py).max()) for px, py in places]
        self.counts = [max(int(distance / KNOT_PX) + 3, 8) for distance in far]
        self.first = np.r_[0, np.cumsum(self.counts)]  # of each bead's coefficients
        self.coefficients = np.zeros(self.first[-1])
        self._whole, self._own = np.zeros(x.shape), np.zeros(x.shape)  # drawn by :meth:`design`
        bends = [np.diff(np.eye(count + 2)[:, :count], n=2, axis=0) for count in self.counts]
        self.stiffness = sparse.block_diag([bend.T @ bend for bend in bends]).toarray()

    def profiles(self) -> list[Real]:
        return np.split(self.coefficients, self.first[1:-1])

    def expected(self) -> Real:
        return self._whole

    def told(self, residuals: Real, misfit: float, error: Real, weight: Real, converged: bool) -> Together:
        """What came out; the first bead shows if the squared deviation that it makes, over that of the noise, is large."""
        scale = max(misfit, 1e-12)
        mean = np.average(self._own, weights=np.maximum(weight, 1e-30))
        explained = float((weight * (self._own - mean) ** 2).sum())
        shown = explained > SHOWN * scale**2 * (self.counts[0] + 2)
        profiles = tuple(self.profiles())
        return Together(self.positions, error * scale, profiles, self.light, residuals, misfit, converged, shown)

    def design(self) -> tuple[Real, npt.NDArray[np.intp]]:
        """Derivatives (P, m) of each pixel by the parameters that it depends on, and which these are, (P, m)."""
        known, count = self.first[-1], len(self.positions)
        factors, parts = [], []
        for own, coefficients, (px, py) in zip(self.counts, self.profiles(), self.positions, strict=True):
            dx, dy = self.x - px, self.y - py
            distance = np.hypot(dx, dy)
            which, value, slope = basis(distance, KNOT_PX, own)
            steep = (coefficients[which] * slope).sum(axis=1) / np.maximum(distance, 1e-9)
            factors.append(1 + (coefficients[which] * value).sum(axis=1))
            parts.append((which, value, np.stack([-steep * dx, -steep * dy], axis=1)))
        plane, product = self.light[0] + self.light[1:] @ self.tilts, np.prod(factors, axis=0)
        self._whole = plane * product
        self._own = self._whole - plane * np.prod(factors[1:], axis=0)  # of the first bead alone
        values, columns = [(self.tilts * product).T], [np.arange(2) + known + 2 * count]
        for k, (which, value, shift) in enumerate(parts):
            others = (plane * np.prod(factors[:k] + factors[k + 1 :], axis=0))[..., None]
            values += [value * others, shift * others]
            columns += [which + self.first[k], np.arange(2) + known + 2 * k]
        return np.concatenate(values, axis=1), np.concatenate(
            [np.broadcast_to(which, value.shape) for which, value in zip(columns, values, strict=True)], axis=1
        )

    def step(
        self, design: Real, where: npt.NDArray[np.intp], weight: Real, residual: Real, moving: bool
    ) -> tuple[Real, Real]:
        """One Gauss-Newton step; returns that of the positions and their standard errors, (K, 2) each."""
        known, count = int(self.first[-1]), len(self.positions)
        free = known + 2 * count + 2
        ends = np.arange(0, design.size + 1, design.shape[1])
        whole = sparse.csr_array((design.ravel(), where.ravel(), ends), shape=(len(design), free))
        weighted = sparse.csr_array(((design * weight[:, None]).ravel(), where.ravel(), ends), shape=whole.shape)
        matrix, right = (whole.T @ weighted).toarray(), weighted.T @ residual
        typical = np.trace(matrix[:known, :known]) / known
        prior = SMOOTH * typical * self.stiffness + RIDGE * typical * np.eye(known)
        matrix[:known, :known] += prior
        right[:known] -= prior @ self.coefficients
        spot = slice(known, known + 2 * count)
        if not moving:  # of a bead without a profile nobody knows where to
            matrix[spot], matrix[:, spot], right[spot] = 0, 0, 0
            matrix[spot, spot] = np.eye(2 * count)
        scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
        # beside the step, of the inverse only what belongs to positions
        wanted = np.concatenate([right[:, None], np.eye(free)[:, spot]], axis=1) * scale[:, None]
        columns = np.linalg.solve(matrix * scale[:, None] * scale + 1e-10 * np.eye(free), wanted) * scale[:, None]
        solved, variance = columns[:, 0], np.diag(columns[spot, 1:])
        moved = np.clip(solved[spot].reshape(count, 2), -LONGEST_PX, LONGEST_PX)
        self.coefficients = self.coefficients + solved[:known]
        self.positions = self.positions + moved
        self.light[1:] += solved[known + 2 * count :]
        return moved, np.sqrt(np.maximum(variance, 0)).reshape(count, 2)


def _fine_noise(expected: Real, residual: Real, size: tuple[int, ...], open_: Real) -> Noise:
    """The noise in what differs from pixel to pixel: what beads that are not in the model leave is smooth, and is no noise."""
    fine = ndimage.convolve(residual.reshape(size), MIXED, mode="nearest")
    seen: npt.NDArray[Any] = ndimage.minimum_filter(open_ > 0.5, 3)
    if np.count_nonzero(seen) < 16 or not fine[seen].any():
        seen = np.ones(size, dtype=np.bool_)
    return measure(expected.reshape(size)[seen], fine[seen])
