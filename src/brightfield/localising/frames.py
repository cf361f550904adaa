"""All beads of a frame: correlation with the profile over the whole frame, then each bead refined with the others taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.spatial import cKDTree

from brightfield.errors import BrightfieldError
from brightfield.localising.correlating import vertex
from brightfield.localising.finding import apart
from brightfield.localising.profile import Profile
from brightfield.localising.refining import Refiner
from brightfield.localising.solving import Refined
from brightfield.localising.windows import corners, cut

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
FAINTEST = 0.3  # of the typical amplitude: what is weaker is no bead of this kind
LEAST_QUALITY = 0.5  # correlation of a refined bead with its pixels
WIDEST = 40  # px, half of a window at most
CROWD = 5000  # peaks in a frame at most: more are noise


@dataclass(frozen=True)
class Located:
    """The beads of one frame; a row for each.

    Attributes:
        positions: (N, 2) x and y in px.
        errors: (N, 2) standard errors in px.
        quality: (N,) in [0, 1], correlation of the fitted bead and the pixels.
        amplitudes: (N,) in the units of the frame.
    """

    positions: Real
    errors: Real
    quality: Real
    amplitudes: Real


class Locator:
    """Finds and refines all beads of one kind, frame after frame.

    Args:
        profile: of the beads.
        separation: px that two beads are at least apart; None: half the radius that holds most of a bead.
        faintest: of the profile's amplitude, in (0, 1]: beads of less are left out.
        least_quality: in [0, 1]: beads that correlate less with their pixels are left out.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        separation: float | None = None,
        faintest: float = FAINTEST,
        least_quality: float = LEAST_QUALITY,
    ) -> None:
        self.profile, self.faintest, self.least_quality = profile, faintest, least_quality
        self.half = min(int(np.ceil(profile.extent(0.99))) + 1, WIDEST)
        self.separation = max(profile.extent(0.5) / 2, 2.0) if separation is None else separation
        self.side = 2 * self.half + 1
        self._refiner = Refiner(profile, (self.side, self.side), margin=4)
        self._kernel, self._echo = _kernel(profile, self.half)
        self._spectra: dict[tuple[int, int], npt.NDArray[np.complex64]] = {}

    def locate(self, frame: npt.ArrayLike) -> Located:
        """The beads of a frame (H, W) of any numeric type.

        Raises:
            BrightfieldError: it is no single grey image.
        """
        pixels = np.asarray(frame)
        if pixels.ndim != 2 or min(pixels.shape) < 3:
            raise BrightfieldError(f"A frame is one grey image (height, width), got shape {pixels.shape}.")
        starts, amplitudes = self._peaks(self.correlate(pixels))
        if not len(starts):
            return Located(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), np.empty(0))
        found, first = self._refine(pixels.astype(np.float32), starts, amplitudes)
        positions = found.positions + first
        inside = (positions > -0.5) & (positions < np.array(pixels.shape[::-1]) - 0.5)
        good: npt.NDArray[np.bool_] = found.converged & np.all(inside, axis=1)
        good &= (found.quality >= self.least_quality) & (found.amplitudes >= self.faintest * self.profile.amplitude)
        rows = np.flatnonzero(good)
        rows = np.sort(rows[apart(positions[rows], found.amplitudes[rows], self.separation)])
        return Located(positions[rows], found.errors[rows], found.quality[rows], found.amplitudes[rows])

    def correlate(self, pixels: npt.NDArray[Any]) -> Single:
        """The amplitude (H, W) that a bead at each pixel would have, by least squares with a plane for a background."""
        height, width = pixels.shape
        pad = self.half
        padded = np.pad((pixels - np.median(pixels[::4, ::4])).astype(np.float32), pad, mode="edge")
        size = scipy.fft.next_fast_len(padded.shape[0], real=True), scipy.fft.next_fast_len(padded.shape[1], real=True)
        if size not in self._spectra:
            self._spectra[size] = np.conj(scipy.fft.rfft2(self._kernel, s=size))
        spectrum = scipy.fft.rfft2(padded, s=size, overwrite_x=True, workers=-1)
        spectrum *= self._spectra[size]
        found: Single = scipy.fft.irfft2(spectrum, s=size, overwrite_x=True, workers=-1)[:height, :width]
        return found

    def _peaks(self, amplitude: Single) -> tuple[Real, Real]:
        """Peaks of the map that no stronger bead explains: (N, 2) positions by parabolas, (N,) amplitudes.

        A bead leaves rings in the map, the correlation of its own profile with itself. From the strongest down, each takes its
        rings out of those that remain (CLEAN, Hogbom 1974, Astronomy and Astrophysics Supplement 15, 417).
        """
        limit = np.float32(self.faintest * self.profile.amplitude)
        inner = amplitude[1:-1, 1:-1]
        flat = np.flatnonzero(inner > limit)
        row, column = np.divmod(flat, inner.shape[1])
        row, column = row + 1, column + 1
        middle = amplitude[row, column].astype(np.float64)
        top = np.ones(len(row), dtype=np.bool_)
        for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
            top &= middle >= amplitude[row + dy, column + dx]
        row, column, middle = row[top], column[top], middle[top]
        if len(row) > CROWD:
            strongest = np.argsort(-middle)[:CROWD]
            row, column, middle = row[strongest], column[strongest], middle[strongest]
        x = column + vertex(amplitude[row, column - 1], middle, amplitude[row, column + 1])
        y = row + vertex(amplitude[row - 1, column], middle, amplitude[row + 1, column])
        places = np.stack([x, y], axis=1)
        kept = _clean(places, middle, self._echo, float(limit), self.separation)
        return places[kept], middle[kept]

    def alone(
        self, frame: npt.NDArray[Any], positions: Real, amplitudes: Real
    ) -> tuple[Single, Single | None, npt.NDArray[np.intp]]:
        """A window for each bead, from which the others are taken away.

        Args:
            frame: (H, W).
            positions: (N, 2) x and y in px.
            amplitudes: (N,) in the units of the frame.

        Returns:
            Windows (N, side, side), their gates or None (see :func:`brightfield.localising.windows.cut`), and the column and row of
            the first pixel of each (N, 2).
        """
        first = corners(positions, self.side)
        windows, gates = cut(frame, first, self.side)
        near = cKDTree(positions).query_pairs(np.sqrt(8) * self.half)
        if near:
            own = self._refiner.templates.shapes(positions - first)
            own *= amplitudes[:, None, None].astype(np.float32)
            windows += own - _together(own, first, frame.shape)
        return windows, gates, first

    def _refine(self, pixels: Single, starts: Real, amplitudes: Real) -> tuple[Refined, npt.NDArray[np.intp]]:
        """Each bead against the frame without the others; a rough step first where some are near, to know those better."""
        windows, gates, first = self.alone(pixels, starts, amplitudes)
        if not cKDTree(starts).query_pairs(np.sqrt(8) * self.half):
            return self._refiner.refine(windows, starts - first, gates), first
        rough = self._refiner.refine(windows, starts - first, gates, steps=1)
        near: npt.NDArray[np.bool_] = np.all(np.abs(rough.positions + first - starts) < 1, axis=1)
        better = np.where(near[:, None], rough.positions + first, starts)
        windows, gates, first = self.alone(pixels, better, np.maximum(rough.amplitudes, 0))
        return self._refiner.refine(windows, better - first, gates, rough=False), first


def _together(drawn: Single, first: npt.NDArray[np.intp], shape: tuple[int, ...]) -> Single:
    """The sum of what is drawn in windows, in a frame, and that cut into the same windows."""
    side = drawn.shape[1]
    frame = np.zeros((shape[0] + 2 * side, shape[1] + 2 * side), dtype=np.float32)
    boxes = [(slice(y + side, y + 2 * side), slice(x + side, x + 2 * side)) for x, y in first]
    for box, bead in zip(boxes, drawn, strict=True):
        frame[box] += bead
    return np.stack([frame[box] for box in boxes])


def _kernel(profile: Profile, half: int) -> tuple[Single, Real]:
    """What a frame is correlated with, (side, side), and how a bead echoes in the map: its amplitude by whole px of distance."""
    side, wide = 2 * half + 1, 6 * half + 1
    rows, columns = np.indices((side, side)).reshape(2, -1) - half
    drawn = profile.render((side, side), (half, half))[0].ravel()
    planes = np.stack([np.ones(rows.size), rows, columns], axis=1)
    kernel = drawn - planes @ np.linalg.lstsq(planes, drawn, rcond=None)[0]
    kernel /= kernel @ drawn
    alone = profile.render((side, wide), (3.0 * half, half))[0]
    echo = [kernel @ alone[:, 2 * half + d : 2 * half + d + side].ravel() for d in range(2 * half)]
    return kernel.reshape(side, side).astype(np.float32), np.array(echo)


def _clean(places: Real, amplitudes: Real, echo: Real, limit: float, separation: float) -> npt.NDArray[np.intp]:
    """Rows of peaks whose amplitude exceeds the limit when the echoes of stronger ones are taken away."""
    left, kept = amplitudes.copy(), []
    for _ in range(len(places)):
        best = int(left.argmax())
        if left[best] <= limit:
            break
        kept.append(best)
        distance = np.hypot(*(places - places[best]).T)
        near = np.flatnonzero(distance < len(echo) - 1)
        rings = np.interp(distance[near], np.arange(len(echo)), echo)
        strength = left[best]
        left[near] -= strength * rings
        left[near[distance[near] < separation]] = -np.inf
    return np.array(kept, dtype=np.intp)
