"""Where a drawn bead fits best: cross-correlation by fast Fourier transforms, to a fraction of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from brightfield.beads.localisation.profile import Profile

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
BATCH = 64  # windows at once: they fit a core's cache


class Correlator:
    """Finds one bead in each window by its correlation with the profile.

    A three-point parabola through the peak has a bias of some hundredths of a pixel, however bright the light: this is where
    refining starts, not where it ends.

    Args:
        profile: of the beads.
        size: (H, W) of the windows.
        within: px from the middle, along each axis, in which the bead is looked for; None: anywhere in the window.
        workers: threads of the Fourier transforms; -1: all cores.
    """

    def __init__(
        self, profile: Profile, size: tuple[int, int], *, within: float | None = None, workers: int = -1
    ) -> None:
        self.size, self.workers = size, workers
        y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)  # the middle is at (0, 0) of the map
        far = np.inf if within is None else within
        self._far = (y > far)[:, None] | (x > far)
        middle = (float(size[1] // 2), float(size[0] // 2))
        drawn = profile.render(size, middle)[0]
        rows, columns = np.indices(size).reshape(2, -1)
        planes = np.stack([np.ones(rows.size), rows - rows.mean(), columns - columns.mean()])
        # what is left of the bead when a plane is fitted: then no plane in the window has a say
        kernel = drawn.ravel() - np.linalg.lstsq(planes.T, drawn.ravel(), rcond=None)[0] @ planes
        self._planes = (planes / np.sqrt((planes**2).sum(axis=1, keepdims=True))).astype(np.float32)
        self._spectrum = np.conj(scipy.fft.rfft2(kernel.reshape(size).astype(np.float32), workers=1))

    def locate(self, windows: npt.ArrayLike) -> Real:
        """Positions (N, 2), x and y in px, of the best fit in each window (N, H, W)."""
        pixels = np.asarray(windows)
        batches = [self._locate(pixels[begin : begin + BATCH]) for begin in range(0, len(pixels), BATCH)]
        return np.concatenate(batches) if batches else np.empty((0, 2))

    def _locate(self, windows: npt.NDArray[Any]) -> Real:
        pixels = windows.astype(np.float32)
        flat = pixels.reshape(len(pixels), -1)
        flat -= flat[:, :1].copy()  # counts have an offset that single precision should not carry
        flat -= (flat @ self._planes.T) @ self._planes
        spectrum = scipy.fft.rfft2(pixels, workers=self.workers, overwrite_x=True)
        spectrum *= self._spectrum
        found = scipy.fft.irfft2(spectrum, s=self.size, workers=self.workers, overwrite_x=True)
        whole = np.array([self.size[1], self.size[0]])
        around: Real = (peaks(found, self._far) + whole // 2 + 0.5) % whole - 0.5
        return around


def peaks(maps: Single, barred: npt.NDArray[np.bool_] | None = None) -> Real:
    """The highest point of each map (N, H, W), whose opposite edges meet: (N, 2), x and y in px, by parabolas.

    None is looked for where pixels (H, W) are ``barred``.
    """
    count, height, width = maps.shape
    allowed = maps if barred is None or not barred.any() else np.where(barred, -np.inf, maps)
    best = allowed.reshape(count, -1).argmax(axis=1)
    row, column = np.divmod(best, width)
    n = np.arange(count)
    centre = maps[n, row, column].astype(np.float64)
    x = column + vertex(maps[n, row, column - 1], centre, maps[n, row, (column + 1) % width])
    y = row + vertex(maps[n, row - 1, column], centre, maps[n, (row + 1) % height, column])
    return np.stack([x, y], axis=1)


def vertex(before: npt.ArrayLike, centre: npt.ArrayLike, after: npt.ArrayLike) -> Any:
    """How far from the middle of three neighbours the parabola through them is highest, within half a pixel."""
    left, middle, right = (np.asarray(value, dtype=np.float64) for value in (before, centre, after))
    curvature = left - 2 * middle + right
    return np.clip(0.5 * (left - right) / np.where(curvature < 0, curvature, -np.inf), -0.5, 0.5)
