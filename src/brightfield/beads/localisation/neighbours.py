"""Detection of a second bead in a window from the residuals of the first, even beyond the window's edge.

A neighbour's rings reach across the whole window and bias a position more than any debris. The first bead's profile is estimated by
the median around it, on which the neighbour's rings have little influence. The window divided by it is correlated with the same
profile at every position in and around the window, weighted by the noise; at the best position both beads are fitted together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from brightfield.beads.localisation.debris import debris_gate
from brightfield.beads.localisation.joint_fit import STEPS, JointFit, fit_jointly
from brightfield.beads.localisation.noise import Noise

Real = npt.NDArray[np.float64]
ALONE_MISFIT = 1.1  # misfit of one bead above which a neighbour is searched: noise and debris alone stay below
ALONE_STEPS = 9  # steps after which a bead that has not converged, with so large a misfit, has a neighbour
APART_PX = 10.0  # smallest distance of a neighbour: nearer is the same bead
BEYOND_PX = 16  # largest distance of a neighbour's centre from the window's edge
REACH_PX = 48  # largest radius of the rings that are correlated
FAINTEST = 0.3  # smallest contrast of a neighbour over that of the bead
MOST_TRIED = 4  # largest number of positions that are tried
LEAST_OPEN = 0.4  # smallest share of a window without debris: below, the fit misses something else
RING_PX = 0.8  # distance between the radii of the median profile,
WIDE_PX = 0.6  # and half of the width of each ring


def fit_with_neighbours(
    window: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    others: npt.ArrayLike | None = None,
    gate: npt.ArrayLike | None = None,
    camera_offset: float = 0.0,
    noise: Noise | None = None,
) -> JointFit:
    """Fit the bead at ``start``, with a neighbour if residuals are large, and again without the pixels of debris.

    Args:
        window: (H, W) in the units of the camera.
        start: (2,) x and y in px of the bead, accurate to about a quarter of a ring.
        others: (K, 2) known neighbours, fitted with it; None: unknown, and one is searched where residuals are large.
        gate: (H, W) weights of the pixels, from 0 (ignored) to 1.
        camera_offset: counts without light.
        noise: noise of the pixels; None: measured.

    Returns:
        The fit, the bead at ``start`` first. A neighbour that was searched is included only if it lowers the misfit.

    Raises:
        BrightfieldError: as :func:`brightfield.beads.localisation.joint_fit.fit_jointly`.
    """
    fit = partial(fit_jointly, window, camera_offset=camera_offset, noise=noise)
    own = np.asarray(start, dtype=np.float64).reshape(1, 2)
    known = np.empty((0, 2)) if others is None else np.asarray(others, dtype=np.float64).reshape(-1, 2)
    alone = others is None
    best = fit(np.concatenate([own, known]), gate=gate, steps=ALONE_STEPS if alone else STEPS)
    if alone and not best.converged and best.misfit <= ALONE_MISFIT:
        best = fit(best.positions, gate=gate, begin=best)
    if alone and best.misfit > ALONE_MISFIT:
        for place in neighbours(np.asarray(window, dtype=np.float64) - camera_offset, own[0], gate):
            both = fit(np.stack([own[0], place]), gate=gate)
            best = both if both.misfit < best.misfit else best
            if best.misfit <= ALONE_MISFIT:
                break
    open_ = debris_gate(best.residuals, gate)
    if not best.converged or open_.all() or open_.mean() < LEAST_OPEN:
        return best
    left = open_ if gate is None else open_ * np.asarray(gate, dtype=np.float64)
    again = fit(best.positions, gate=left, begin=best)
    return again if again.converged else best


def neighbours(pixels: Real, position: Real, gate: npt.ArrayLike | None = None) -> Real:
    """Candidates (K, 2) for neighbours of the bead at ``position``, x and y to half a pixel, at most ``MOST_TRIED``, best first.

    Args:
        pixels: (H, W) counts above the camera's offset.
        position: (2,) x and y in px of the bead.
        gate: (H, W) weights of the pixels, from 0 (ignored) to 1.
    """
    open_ = np.ones(pixels.shape) if gate is None else np.asarray(gate, dtype=np.float64)
    light = float(np.median(pixels[open_ > 0.5]))
    y, x = np.indices(pixels.shape)
    distance = np.hypot(x - position[0], y - position[1])
    shape = _median_profile((pixels / light - 1)[open_ > 0.5], distance[open_ > 0.5])
    model = np.maximum(1 + shape(distance), 0.02)
    weight = model * open_  # shot noise: squared signal over variance
    dy, dx = np.mgrid[-REACH_PX : REACH_PX + 1, -REACH_PX : REACH_PX + 1]
    radius = np.hypot(dx, dy)
    kernel = shape(radius) * np.clip((REACH_PX - radius) / 6, 0, 1)
    product = _correlated(weight * (pixels / light / model - 1), kernel)
    power = np.maximum(_correlated(weight, kernel**2), 1e-3 * weight.mean() * (kernel**2).sum())
    row, column = np.indices(product.shape) - BEYOND_PX
    away = np.hypot(column - position[0], row - position[1])
    allowed = (away > APART_PX) & (away < REACH_PX) & (product > FAINTEST * power)
    likeness = np.where(allowed, product**2 / power, 0.0)
    peaks = np.argwhere((likeness > 0) & (likeness == ndimage.maximum_filter(likeness, 3)))
    chosen = peaks[np.argsort(-likeness[tuple(peaks.T)], kind="stable")[:MOST_TRIED]]
    return chosen[:, ::-1].astype(np.float64) - BEYOND_PX


def _median_profile(deviation: Real, distance: Real) -> Callable[[Real], Real]:
    radii = np.arange(0, min(float(distance.max()), REACH_PX - 8), RING_PX)
    order = np.argsort(distance)
    sorted_, values = distance[order], deviation[order]
    first = np.searchsorted(sorted_, np.maximum(radii - WIDE_PX, 0))
    last = np.searchsorted(sorted_, radii + np.maximum(WIDE_PX, 1.2 - radii))
    medians = np.array([np.median(values[a:b]) if b > a else 0.0 for a, b in zip(first, last, strict=True)])
    return lambda r: np.interp(r, radii, medians, right=0.0)


def _correlated(image: Real, kernel: Real) -> Real:
    """Correlation of the image (0 outside) with a kernel at each pixel up to ``BEYOND_PX`` outside."""
    height, width = image.shape
    size = [scipy.fft.next_fast_len(n + 2 * (BEYOND_PX + REACH_PX), real=True) for n in image.shape]
    padded = np.zeros(size)
    begin = BEYOND_PX + REACH_PX
    padded[begin : begin + height, begin : begin + width] = image
    spectrum = scipy.fft.rfft2(padded) * np.conj(scipy.fft.rfft2(kernel, s=size))
    found: Real = scipy.fft.irfft2(spectrum, s=size)[: height + 2 * BEYOND_PX, : width + 2 * BEYOND_PX]
    return found
