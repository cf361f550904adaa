"""Cross-correlation of windows with a rendered bead by fast Fourier transforms, to a fraction of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from brightfield.beads.localisation.profile import Profile

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
BATCH = 64  # windows processed at once: they fit a core's cache


class Correlator:
    """Finds one bead in each window by its correlation with the profile.

    A three-point parabola through the peak has a bias of some hundredths of a pixel at any brightness: positions are starts for
    refining.

    Args:
        profile: profile of the beads.
        size: (H, W) of the windows.
        within: largest distance of the bead from the middle in px, along each axis; None: anywhere in the window.
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
        # the bead less its fitted plane: then a plane in a window has no influence
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
        flat -= flat[:, :1].copy()  # remove the offset of the counts, for single precision
        flat -= (flat @ self._planes.T) @ self._planes
        spectrum = scipy.fft.rfft2(pixels, workers=self.workers, overwrite_x=True)
        spectrum *= self._spectrum
        found = scipy.fft.irfft2(spectrum, s=self.size, workers=self.workers, overwrite_x=True)
        whole = np.array([self.size[1], self.size[0]])
        around: Real = (peaks(found, self._far) + whole // 2 + 0.5) % whole - 0.5
        return around


def peaks(maps: Single, excluded: npt.NDArray[np.bool_] | None = None) -> Real:
    """The highest point of each periodic map (N, H, W): (N, 2), x and y in px, by parabolas, outside ``excluded`` pixels (H, W)."""
    count, height, width = maps.shape
    allowed = maps if excluded is None or not excluded.any() else np.where(excluded, -np.inf, maps)
    best = allowed.reshape(count, -1).argmax(axis=1)
    row, column = np.divmod(best, width)
    n = np.arange(count)
    centre = maps[n, row, column].astype(np.float64)
    x = column + vertex(maps[n, row, column - 1], centre, maps[n, row, (column + 1) % width])
    y = row + vertex(maps[n, row - 1, column], centre, maps[n, (row + 1) % height, column])
    return np.stack([x, y], axis=1)


def vertex(before: npt.ArrayLike, centre: npt.ArrayLike, after: npt.ArrayLike) -> Any:
    """Offset of the vertex of the parabola through three neighbours from the middle one, within half a pixel."""
    left, middle, right = (np.asarray(value, dtype=np.float64) for value in (before, centre, after))
    curvature = left - 2 * middle + right
    return np.clip(0.5 * (left - right) / np.where(curvature < 0, curvature, -np.inf), -0.5, 0.5)
