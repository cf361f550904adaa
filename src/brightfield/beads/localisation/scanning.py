"""Where in a frame a bead may be: the map of amplitudes that correlation gives, and its peaks that no stronger bead explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import sparse
from scipy.spatial import cKDTree

from brightfield.beads.localisation.correlating import vertex
from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import KNOT_PX, Profile, basis

Real = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]
CROWD = 5000  # peaks in a frame at most: more are noise
KEPT = 0.7  # of a bead's contrast must remain when two by two pixels become one
WIDE_PX = 10.0  # radius of a bead that may be looked for with pixels twice as large
TURNS = 3  # of taking echoes away
LEAST, MOST = 0.5, 1.5  # of what the map tells: beads that nearly coincide have no amplitude of their own
ANGLES = 16  # around a bead, over which the blur of larger pixels is taken


class Scanner:
    """Correlates frames with one profile.

    Args:
        profile: of the beads.
        half: px from a bead's centre to the edge of what is correlated.
        separation: px that two beads are at least apart.
        limit: amplitude, in the units of the frame, below which there is no bead.
    """

    def __init__(self, profile: Profile, half: int, separation: float, limit: float) -> None:
        self.half, self.separation, self.limit = half, separation, limit
        self.energy, self._kernel, self._echo = _kernel(profile, half)
        self._spectra: dict[tuple[int, int], npt.NDArray[np.complex64]] = {}

    def correlate(self, pixels: npt.NDArray[Any]) -> Single:
        """The amplitude (H, W) that a bead at each pixel would have, by least squares with a plane for a background."""
        height, width = pixels.shape
        pad = self.half
        padded = np.pad((pixels - np.median(pixels[::4, ::4])).astype(np.float32), pad, mode="edge")
        size = scipy.fft.next_fast_len(padded.shape[0], real=True), scipy.fft.next_fast_len(padded.shape[1], real=True)
        if size not in self._spectra:
            self._spectra[size] = np.conj(scipy.fft.rfft2(self._kernel, s=size))
        spectrum = scipy.fft.rfft2(padded, s=size, overwrite_x=True)
        spectrum *= self._spectra[size]
        found: Single = scipy.fft.irfft2(spectrum, s=size, overwrite_x=True)[:height, :width]
        return found

    def scan(self, pixels: npt.NDArray[Any]) -> tuple[Real, Real]:
        """Beads of a frame (H, W): (N, 2) positions by parabolas, x and y in px, and (N,) amplitudes.

        A bead leaves rings in the map, the correlation of its own profile with itself. From the strongest down, each takes its
        rings out of those that remain (CLEAN, Hogbom 1974, Astronomy and Astrophysics Supplement 15, 417).
        """
        amplitude = self.correlate(pixels)
        inner = amplitude[1:-1, 1:-1]
        flat = np.flatnonzero(inner > np.float32(self.limit))
        row, column = np.divmod(flat, inner.shape[1])
        at = (row + 1) * amplitude.shape[1] + column + 1
        every = amplitude.ravel()
        middle = every[at]
        # most fall at the first neighbours, and the rest need not be asked
        for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            top = middle >= every[at + dy * amplitude.shape[1] + dx]
            at, middle = at[top], middle[top]
        if len(at) > CROWD:
            strongest = np.argsort(-middle)[:CROWD]
            at, middle = at[strongest], middle[strongest]
        row, column = np.divmod(at, amplitude.shape[1])
        x = column + vertex(every[at - 1], middle, every[at + 1])
        y = row + vertex(every[at - amplitude.shape[1]], middle, every[at + amplitude.shape[1]])
        places, strength = np.stack([x, y], axis=1), middle.astype(np.float64)
        kept, echoes = _clean(places, strength, self._echo, self.limit, self.separation)
        return places[kept], _alone(strength[kept], echoes)


def coarse(profile: Profile) -> Profile | None:
    """The profile in pixels twice as large, each the mean of two by two; None where those do not show the bead well.

    Larger pixels blur by their square, which is taken as a mean over all directions: a start needs no more.
    """
    if profile.extent() < WIDE_PX:
        return None
    r = np.arange(0, profile.reach, KNOT_PX)
    angle = np.pi * np.arange(ANGLES) / ANGLES / 2
    dx = (r[:, None] * np.cos(angle))[:, :, None] + np.array([-0.5, 0.5, -0.5, 0.5])
    dy = (r[:, None] * np.sin(angle))[:, :, None] + np.array([-0.5, -0.5, 0.5, 0.5])
    blurred = profile.at(np.hypot(dx, dy)).mean(axis=(1, 2))
    if (r * blurred**2).sum() < KEPT**2 * (r * profile.at(r) ** 2).sum():
        return None
    count = max(int(profile.reach / 2 / KNOT_PX) - 1, 4)
    which, weight, _ = basis(r / 2, KNOT_PX, count)
    design = np.zeros((len(r), count))
    np.add.at(design, (np.arange(len(r))[:, None], which), weight)
    coefficients = np.linalg.lstsq(design, blurred, rcond=None)[0]
    noise = Noise(profile.noise.constant / 4, profile.noise.slope / 4, profile.noise.floor / 4)
    return Profile(
        coefficients,
        KNOT_PX,
        profile.amplitude,
        profile.background,
        noise,
        profile.misfit,
        camera_offset=profile.camera_offset,
    )


def halved(pixels: Single) -> Single:
    """The means of two by two pixels; of an odd row or column at the end nothing remains."""
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
    rows = even[::2] + even[1::2]
    means: Single = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return means


def _kernel(profile: Profile, half: int) -> tuple[float, Single, Real]:
    """The squares of a bead that no plane explains, what a frame is correlated with, (side, side), and how a bead echoes.

    The echo is its amplitude in the map by whole px of distance.
    """
    side, wide = 2 * half + 1, 6 * half + 1
    rows, columns = np.indices((side, side)).reshape(2, -1) - half
    drawn = profile.render((side, side), (half, half))[0].ravel()
    planes = np.stack([np.ones(rows.size), rows, columns], axis=1)
    kernel = drawn - planes @ np.linalg.lstsq(planes, drawn, rcond=None)[0]
    energy = float(kernel @ drawn)
    kernel /= energy
    alone = profile.render((side, wide), (3.0 * half, half))[0]
    echo = [kernel @ alone[:, 2 * half + d : 2 * half + d + side].ravel() for d in range(2 * half)]
    return energy, kernel.reshape(side, side).astype(np.float32), np.array(echo)


def _clean(
    places: Real, amplitudes: Real, echo: Real, limit: float, separation: float
) -> tuple[npt.NDArray[np.intp], sparse.csr_matrix]:
    """Rows of peaks above the limit when echoes of stronger ones are taken away, and how these echo in each other (N, N)."""
    left, kept = amplitudes.copy(), []
    if not len(places):
        return np.empty(0, dtype=np.intp), sparse.csr_matrix((0, 0))
    tree = cKDTree(places)
    pairs = tree.sparse_distance_matrix(tree, len(echo) - 1.0, output_type="coo_matrix").tocsr()
    echoes = np.interp(pairs.data, np.arange(len(echo)), echo)
    taken = np.where(pairs.data < separation, np.inf, echoes)
    begin = pairs.indptr.tolist()
    for _ in range(len(places)):
        best = int(left.argmax())
        strength = left[best]
        if strength <= limit:
            break
        kept.append(best)
        row = slice(begin[best], begin[best + 1])
        left[pairs.indices[row]] -= strength * taken[row]
        left[best] = -np.inf
    pairs.data = echoes
    return np.array(kept, dtype=np.intp), pairs[kept][:, kept]


def _alone(amplitudes: Real, echoes: sparse.csr_matrix) -> Real:
    """What amplitudes (N,) in the map are without the echoes (N, N) of all others, by the iteration of Jacobi."""
    alone = amplitudes
    for _ in range(TURNS):
        alone = alone + amplitudes - echoes @ alone
    return np.clip(alone, LEAST * amplitudes, MOST * amplitudes)
