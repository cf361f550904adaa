"""The Cramer-Rao bound: no unbiased method locates a bead more precisely than this.

With mu the expected electrons of a pixel, its noise is the Poisson noise of mu and the read noise sigma_r, and the Fisher
information of parameters i and j is

    F_ij = sum over pixels of (d_i mu) (d_j mu) / (mu + sigma_r^2)

(Ober, Ram and Ward 2004, Biophysical Journal 86, 1185). The variance of any unbiased estimate of parameter i is at least
[F^-1]_ii. The Poisson noise counts as Gaussian noise of the same variance. The information that its variance holds about mu is left
out: it is smaller by the number of electrons in a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError

Real = npt.NDArray[np.float64]
Render = Callable[[float, float], npt.ArrayLike]
STEP_PX = 0.05  # step of the numerical derivatives: far above rounding, far below the finest ring


def fisher(slopes: npt.ArrayLike, electrons: npt.ArrayLike, read_noise: float) -> Real:
    """The Fisher information of an image about its parameters.

    Args:
        slopes: (K, H, W) derivatives of the expected electrons by each parameter.
        electrons: (H, W) expected electrons, not negative.
        read_noise: standard deviation in electrons.

    Returns:
        (K, K), in the inverse units of the parameters.

    Raises:
        BrightfieldError: a pixel has neither light nor read noise, so its information would be infinite.
    """
    derivative, mean = np.asarray(slopes, dtype=np.float64), np.asarray(electrons, dtype=np.float64)
    variance = mean + read_noise**2
    if (mean < 0).any() or (variance <= 0).any():
        raise BrightfieldError(
            f"The least expected electrons are {mean.min():g} at a read noise of {read_noise:g}: expected at least 0 and some "
            "noise in every pixel. Give electrons, not counts with their offset removed, or a read noise above 0."
        )
    information: Real = np.einsum("ihw,jhw,hw->ij", derivative, derivative, 1 / variance)
    return information


def cramer_rao(
    render: Render, position: tuple[float, float], read_noise: float, *, fitted: Sequence[npt.ArrayLike] = ()
) -> Real:
    """The smallest standard deviation of x and y for one bead whose image is known at every position.

    Without ``fitted`` it is the bound for a known profile, light and contrast. For a bead whose contrast and offset are estimated
    from the same image, give the derivatives by these, ``(bead, ones)``; for further beads, the derivatives of the image by their
    positions. Each can only raise the bound.

    Args:
        render: the expected electrons (H, W) with the bead at x and y (px).
        position: x and y in px.
        read_noise: standard deviation in electrons.
        fitted: (H, W) each, the derivative of the expected electrons by a parameter that is estimated as well.

    Returns:
        (2,) standard deviations of x and y in px.

    Raises:
        BrightfieldError: a pixel without noise, or parameters that the image cannot distinguish.
    """
    x, y = position
    mean = np.asarray(render(x, y), dtype=np.float64)
    slopes = [*gradient(render, position), *(np.asarray(extra, dtype=np.float64) for extra in fitted)]
    information = fisher(slopes, mean, read_noise)
    scale = np.sqrt(np.diag(information))
    if (scale == 0).any() or np.linalg.cond(information / np.outer(scale, scale)) > 1e12:
        raise BrightfieldError(
            f"The image does not distinguish {len(slopes)} parameters: one of them changes nothing, or only what others change. "
            "Take it out of `fitted`, or check that the bead is inside the image."
        )
    least: Real = np.sqrt(np.diag(np.linalg.inv(information / np.outer(scale, scale)))[:2]) / scale[:2]
    return least


def gradient(render: Render, position: tuple[float, float]) -> tuple[Real, Real]:
    """The derivatives of a rendered image by x and by y, (H, W) each: central differences of fourth order."""
    x, y = position
    steps = STEP_PX * np.array([-2, -1, 1, 2])
    weights = np.array([1, -8, 8, -1]) / (12 * STEP_PX)
    along_x = [np.asarray(render(x + step, y), dtype=np.float64) for step in steps]
    along_y = [np.asarray(render(x, y + step), dtype=np.float64) for step in steps]
    return np.tensordot(weights, along_x, axes=1), np.tensordot(weights, along_y, axes=1)
