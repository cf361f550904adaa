"""Joint fit of the beads of one window, each with a radial profile of its own, in uneven light.

Transmissions multiply, so the expected image is

    dark + (plane of light) * product over beads of (1 + f_k(distance to bead k))

with f_k a cubic spline. Gauss-Newton steps solve for coefficients, positions and light at once. A change of a radial profile is
even around its centre and a shift odd, so a profile of its own costs a bead no precision, and a neighbour costs only what its rings
share with the derivative of the bead. The light in the middle is not fitted, as the profile sets its scale. Weights are robust
(Cauchy), so debris has little influence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brightfield.beads.localisation.fitting import DETECTION_RATIO, MIXED_DIFFERENCES
from brightfield.beads.localisation.noise import ROBUST, Noise, measure
from brightfield.beads.localisation.scene import Scene
from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
STEPS = 20  # largest number of steps
# standard deviations at which weights halve: a clean image loses 4% of its precision, debris half of its influence
TAIL = 2.0
CONVERGED_ERRORS = 0.05  # the fit has converged when the first bead moves by fewer standard errors in a step
CONVERGED_PX = 0.1  # and no bead by more than this
NOISE_STEPS = (1, 3)  # steps at which the noise is measured in the residuals
ROBUST_FROM = 2  # first step with robust weights: before, residuals are not yet noise


@dataclass(frozen=True)
class JointFit:
    """The result of a joint fit of the beads of one window; the first is the window's own.

    Attributes:
        positions: (K, 2) x and y in px of the window.
        errors: (K, 2) standard errors in px, from the inverse Fisher matrix scaled to the misfit.
        profiles: coefficients (n,) of each bead's spline, relative to the light.
        light: (3,) light in the middle, its change from left to right and from top to bottom, in the units of the image.
        residuals: (H, W) residual of each pixel over the noise's standard deviation.
        misfit: median absolute residual over that of the noise: 1 where beads and light explain most pixels, even with debris.
        converged: whether the positions converged.
        detected: whether the first bead explains more than as many coefficients explain of noise.
    """

    positions: Real
    errors: Real
    profiles: tuple[Real, ...]
    light: Real
    residuals: Real
    misfit: float
    converged: bool
    detected: bool


def fit_jointly(
    window: npt.ArrayLike,
    starts: npt.ArrayLike,
    *,
    gate: npt.ArrayLike | None = None,
    camera_offset: float = 0.0,
    noise: Noise | None = None,
    begin: JointFit | None = None,
    steps: int = STEPS,
) -> JointFit:
    """Fit all beads of one window together.

    Args:
        window: (H, W) in the units of the camera.
        starts: (K, 2) x and y in px, accurate to about a quarter of a ring; they may lie beyond the window.
        gate: (H, W) weights of the pixels, from 0 (ignored) to 1.
        camera_offset: counts without light.
        noise: noise of the pixels; None: measured in the residuals of this window.
        begin: an earlier fit of the same beads in this window, whose profiles and light are the start.
        steps: largest number of steps.

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
        # as a function of the signal above the offset
        noise = Noise(noise.constant + noise.slope * camera_offset, noise.slope, noise.floor)
    used_noise, converged = noise, False
    error = np.zeros((len(places), 2))
    first = 0 if begin is None else ROBUST_FROM
    for turn in range(first, steps):
        expected = scene.draw()
        residual = pixels.ravel() - expected
        if noise is None and (turn == first or turn in NOISE_STEPS):
            used_noise = (
                _fine_noise(expected, residual, pixels.shape, open_) if turn else Noise(0.0, 1.0, 1e-9 * level + 1e-12)
            )
        assert used_noise is not None
        sigma = np.sqrt(used_noise.variance(expected.copy()))
        weight = open_.ravel() / sigma**2
        if turn >= ROBUST_FROM:
            weight /= 1 + (residual / sigma / TAIL) ** 2
        step, error = scene.step(weight, residual, moving=turn > 0)
        if (
            turn > NOISE_STEPS[-1]
            and (np.abs(step[0]) < CONVERGED_ERRORS * error[0]).all()
            and np.abs(step).max() < CONVERGED_PX
        ):
            converged = True
            break
    residuals = (residual / sigma).reshape(pixels.shape)
    misfit = float(ROBUST * np.median(np.abs(residuals[open_ > 0.5])))
    scale = max(misfit, 1e-12)
    alone = scene.first_bead_change()  # detected if its squared deviation over the noise is large
    explained = float((weight * (alone - np.average(alone, weights=np.maximum(weight, 1e-30))) ** 2).sum())
    detected = explained > DETECTION_RATIO * scale**2 * (scene.counts[0] + 2)
    return JointFit(
        scene.positions, error * scale, tuple(scene.profiles()), scene.light, residuals, misfit, converged, detected
    )


def _level(pixels: Real, places: Real, open_: Real) -> float:
    """The light: the median of the pixels with weight."""
    level = float(np.median(pixels[open_ > 0.5])) if (open_ > 0.5).any() else 0.0
    if not len(places) or level <= 0:
        raise BrightfieldError(
            f"Got {len(places)} starts and a window whose pixels have a median of {level:g} above the camera's offset: expected at "
            "least one start, and light. Give counts as the camera records them, and the offset of the camera as `camera_offset`."
        )
    return level


def _fine_noise(expected: Real, residual: Real, size: tuple[int, ...], open_: Real) -> Noise:
    """The noise, measured in differences between pixels: residuals of beads outside the model are smooth and do not count."""
    fine = ndimage.convolve(residual.reshape(size), MIXED_DIFFERENCES, mode="nearest")
    seen: npt.NDArray[Any] = ndimage.minimum_filter(open_ > 0.5, 3)
    if np.count_nonzero(seen) < 16 or not fine[seen].any():
        seen = np.ones(size, dtype=np.bool_)
    return measure(expected.reshape(size)[seen], fine[seen])
