"""Detection of beads in a frame: the peaks of its map of amplitudes, by correlation, that no stronger bead explains."""

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
MOST_PEAKS = 5000  # largest number of peaks in a frame: more are noise
LEAST_CONTRAST = 0.7  # smallest share of a bead's contrast that must remain after binning by two
WIDE_PX = 10.0  # smallest radius of a bead that is searched in binned pixels
JACOBI_STEPS = 3  # iterations that remove echoes from amplitudes
# limits of an amplitude without echoes over that of the map; needed for beads that nearly coincide
LEAST_RATIO, MOST_RATIO = 0.5, 1.5
ANGLES = 16  # number of directions over which the blur by larger pixels is averaged


class Scanner:
    """Correlates frames with one profile.

    Args:
        profile: profile of the beads.
        half: half of the correlated window in px.
        separation: smallest distance between two beads in px.
        limit: smallest amplitude of a bead, in the units of the frame.
    """

    def __init__(self, profile: Profile, half: int, separation: float, limit: float) -> None:
        self.half, self.separation, self.limit = half, separation, limit
        self.energy, self._kernel, self._echo = _kernel(profile, half)
        self._spectra: dict[tuple[int, int], npt.NDArray[np.complex64]] = {}

    def correlate(self, pixels: npt.NDArray[Any]) -> Single:
        """The amplitude (H, W) of a bead at each pixel, by least squares with a plane as background."""
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
        """Find the beads of a frame (H, W): (N, 2) positions by parabolas, x and y in px, and (N,) amplitudes.

        A bead has rings in the map, its echo: the correlation of its profile with itself. From the strongest bead down, its echo
        is subtracted from the remaining peaks (CLEAN, Hogbom 1974, Astronomy and Astrophysics Supplement 15, 417).
        """
        amplitude = self.correlate(pixels)
        inner = amplitude[1:-1, 1:-1]
        flat = np.flatnonzero(inner > np.float32(self.limit))
        row, column = np.divmod(flat, inner.shape[1])
        at = (row + 1) * amplitude.shape[1] + column + 1
        every = amplitude.ravel()
        middle = every[at]
        # the first neighbours rule out most pixels, which saves comparing the others
        for dy, dx in ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            top = middle >= every[at + dy * amplitude.shape[1] + dx]
            at, middle = at[top], middle[top]
        if len(at) > MOST_PEAKS:
            strongest = np.argsort(-middle)[:MOST_PEAKS]
            at, middle = at[strongest], middle[strongest]
        row, column = np.divmod(at, amplitude.shape[1])
        x = column + vertex(every[at - 1], middle, every[at + 1])
        y = row + vertex(every[at - amplitude.shape[1]], middle, every[at + amplitude.shape[1]])
        places, strength = np.stack([x, y], axis=1), middle.astype(np.float64)
        kept, echoes = _clean(places, strength, self._echo, self.limit, self.separation)
        return places[kept], _without_echoes(strength[kept], echoes)


def binned_profile(profile: Profile) -> Profile | None:
    """The profile in pixels binned by two; None where those do not show the bead well.

    The blur by the larger square pixels is averaged over all directions, which is accurate enough for starts.
    """
    if profile.extent() < WIDE_PX:
        return None
    r = np.arange(0, profile.reach, KNOT_PX)
    angle = np.pi * np.arange(ANGLES) / ANGLES / 2
    dx = (r[:, None] * np.cos(angle))[:, :, None] + np.array([-0.5, 0.5, -0.5, 0.5])
    dy = (r[:, None] * np.sin(angle))[:, :, None] + np.array([-0.5, -0.5, 0.5, 0.5])
    blurred = profile.at(np.hypot(dx, dy)).mean(axis=(1, 2))
    if (r * blurred**2).sum() < LEAST_CONTRAST**2 * (r * profile.at(r) ** 2).sum():
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


def bin_pixels(pixels: Single) -> Single:
    """The means of two by two pixels; an odd last row or column is dropped."""
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
    rows = even[::2] + even[1::2]
    means: Single = (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)
    return means


def _kernel(profile: Profile, half: int) -> tuple[float, Single, Real]:
    """The energy of a bead without its fitted plane, the correlation kernel (side, side), and the echo of a bead.

    The echo is the amplitude in the map as a function of the distance from the bead, in whole px.
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
    """Rows of the peaks above the limit after subtraction of the echoes of stronger ones, and their mutual echoes (N, N)."""
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


def _without_echoes(amplitudes: Real, echoes: sparse.csr_matrix) -> Real:
    """The amplitudes (N,) without the echoes (N, N) of all others, by Jacobi iteration."""
    alone = amplitudes
    for _ in range(JACOBI_STEPS):
        alone = alone + amplitudes - echoes @ alone
    return np.clip(alone, LEAST_RATIO * amplitudes, MOST_RATIO * amplitudes)
