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
from scipy import ndimage

from brightfield.beads.localisation.fitting import MIXED, SHOWN
from brightfield.beads.localisation.noise import ROBUST, Noise, measure
from brightfield.beads.localisation.scene import Scene
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
STEPS = 20
# standard deviations, at which weights halve: a clean image loses 4% of its precision, debris half of its pull
TAIL = 2.0
RESTED = 0.05  # standard errors: a first bead that moves less has come to rest,
RESTED_PX = 0.1  # and its neighbours when they move less than this
MEASURED = (1, 3)  # steps after which the noise is measured in what is left
ROBUST_FROM = 2  # step: before, what is left is no noise yet


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
    camera_offset: float = 0.0,
    noise: Noise | None = None,
    begin: Together | None = None,
    steps: int = STEPS,
) -> Together:
    """Fit all beads of one window together.

    Args:
        window: (H, W) in the units of the camera.
        starts: (K, 2) x and y in px, right to about a quarter of a ring; they may lie beyond the window.
        gate: (H, W) from 0 (a pixel that is not to count) to 1.
        camera_offset: counts without light, which nothing multiplies.
        noise: of the pixels; None: measured in the residuals of this window.
        begin: another fit of the same beads in this window, from whose profiles and light to go on.
        steps: at most so many.

    Raises:
        BrightfieldError: no start, or a window whose light is not above ``camera_offset``.
    """
    pixels, places = (
        np.asarray(window, dtype=np.float64) - camera_offset,
        np.array(starts, dtype=np.float64).reshape(-1, 2),
    )
    open_ = np.ones(pixels.shape) if gate is None else np.asarray(gate, dtype=np.float64)
    level = _level(pixels, places, open_)
    scene = Scene(pixels.shape, places, level)
    if begin is not None:
        scene.resume(begin.profiles, begin.light)
    if noise is not None:
        # of the signal above the dark
        noise = Noise(noise.constant + noise.slope * camera_offset, noise.slope, noise.floor)
    told, converged = noise, False
    error = np.zeros((len(places), 2))
    first = 0 if begin is None else ROBUST_FROM
    for turn in range(first, steps):
        expected = scene.draw()
        residual = pixels.ravel() - expected
        if noise is None and (turn == first or turn in MEASURED):
            told = (
                _fine_noise(expected, residual, pixels.shape, open_) if turn else Noise(0.0, 1.0, 1e-9 * level + 1e-12)
            )
        assert told is not None
        sigma = np.sqrt(told.variance(expected.copy()))
        weight = open_.ravel() / sigma**2
        if turn >= ROBUST_FROM:
            weight /= 1 + (residual / sigma / TAIL) ** 2
        step, error = scene.step(weight, residual, moving=turn > 0)
        if turn > MEASURED[-1] and (np.abs(step[0]) < RESTED * error[0]).all() and np.abs(step).max() < RESTED_PX:
            converged = True
            break
    residuals = (residual / sigma).reshape(pixels.shape)
    misfit = float(ROBUST * np.median(np.abs(residuals[open_ > 0.5])))
    scale = max(misfit, 1e-12)
    alone = scene.first_alone()  # shows if its squared deviation, over that of the noise, is large
    explained = float((weight * (alone - np.average(alone, weights=np.maximum(weight, 1e-30))) ** 2).sum())
    shown = explained > SHOWN * scale**2 * (scene.counts[0] + 2)
    return Together(
        scene.positions, error * scale, tuple(scene.profiles()), scene.light, residuals, misfit, converged, shown
    )


def _level(pixels: Real, places: Real, open_: Real) -> float:
    """The median of the pixels that count: the light."""
    level = float(np.median(pixels[open_ > 0.5])) if (open_ > 0.5).any() else 0.0
    if not len(places) or level <= 0:
        raise BrightfieldError(
            f"Got {len(places)} starts and a window whose pixels that count have a median of {level:g} above the dark: expected at "
            "least one start, and light. Give counts as the camera records them, and the offset of the camera as `camera_offset`."
        )
    return level


def _fine_noise(expected: Real, residual: Real, size: tuple[int, ...], open_: Real) -> Noise:
    """The noise in what differs from pixel to pixel: what beads that are not in the model leave is smooth, and is no noise."""
    fine = ndimage.convolve(residual.reshape(size), MIXED, mode="nearest")
    seen: npt.NDArray[Any] = ndimage.minimum_filter(open_ > 0.5, 3)
    if np.count_nonzero(seen) < 16 or not fine[seen].any():
        seen = np.ones(size, dtype=np.bool_)
    return measure(expected.reshape(size)[seen], fine[seen])
