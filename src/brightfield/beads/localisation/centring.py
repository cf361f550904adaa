"""Centres of symmetric objects whose profile is unknown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from brightfield.beads.localisation.correlating import peaks

Real = npt.NDArray[np.float64]


def mirror_centres(windows: npt.ArrayLike, within: float | None = None) -> Real:
    """Where each window is most like its own mirror image.

    The correlation of a window with itself turned by half a circle is highest at twice the centre. The median of the edge counts as
    background and is subtracted; beyond the window the image counts as 0.

    Args:
        windows: (N, H, W).
        within: largest distance of the centre from the middle in px, along each axis; None: anywhere in the window.

    Returns:
        (N, 2), x and y in px.
    """
    pixels = np.array(windows, dtype=np.float32)
    height, width = pixels.shape[1:]
    edge = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    pixels -= np.median(edge, axis=1)[:, None, None]
    spectrum = scipy.fft.rfft2(pixels, s=(2 * height, 2 * width), workers=-1)
    far = np.inf if within is None else 2 * within
    y, x = (np.abs(np.arange(2 * n) - (n - 1)) > far for n in (height, width))
    centres: Real = peaks(scipy.fft.irfft2(spectrum**2, s=(2 * height, 2 * width), workers=-1), y[:, None] | x) / 2
    return centres


def radial_centres(windows: npt.ArrayLike) -> Real:
    """Where the gradients of each window meet: radial symmetry (Parthasarathy 2012, Nature Methods 9, 724).

    Every gradient of a radially symmetric object lies on a line through its centre, so the centre is the point nearest to all
    lines; steep gradients and those near the centroid of steepness count more.

    Args:
        windows: (N, H, W).

    Returns:
        (N, 2), x and y in px.
    """
    pixels = np.asarray(windows, dtype=np.float64)
    # differences along both diagonals of four pixels, at the corner that they share
    falling, rising = pixels[:, 1:, 1:] - pixels[:, :-1, :-1], pixels[:, 1:, :-1] - pixels[:, :-1, 1:]
    gx, gy = _smooth(falling - rising), _smooth(falling + rising)
    steep = gx**2 + gy**2
    y, x = np.indices(steep.shape[1:]) + 0.5
    total = np.maximum(steep.sum(axis=(1, 2)), 1e-30)
    middle = [(steep * axis).sum(axis=(1, 2)) / total for axis in (x, y)]
    distance = np.hypot(x - middle[0][:, None, None], y - middle[1][:, None, None])
    # of a point (u, v), the squared distance to a line along (gx, gy) is ((u - x) gy - (v - y) gx)^2 / steep
    weight = 1 / np.maximum(distance, 0.5)
    a, b, c = (weight * gy**2).sum((1, 2)), (weight * gx * gy).sum((1, 2)), (weight * gx**2).sum((1, 2))
    offset = x * gy - y * gx
    right = (weight * offset * gy).sum((1, 2)), (-weight * offset * gx).sum((1, 2))
    scale = np.where(a * c - b**2 > 1e-12 * np.maximum(a * c, 1e-30), a * c - b**2, np.inf)
    u, v = (c * right[0] + b * right[1]) / scale, (a * right[1] + b * right[0]) / scale
    flat = np.isinf(scale)  # without any gradient: the middle
    u[flat], v[flat] = (pixels.shape[2] - 1) / 2, (pixels.shape[1] - 1) / 2
    return np.stack([u, v], axis=1)


def _smooth(gradient: Real) -> Real:
    """The mean of three by three neighbours, which suppresses steep noise."""
    from scipy import ndimage

    smoothed: Real = ndimage.uniform_filter(gradient, (0, 3, 3), mode="nearest")
    return smoothed
