"""The image of a sphere out of focus: how bright each distance from its centre is.

Scalar diffraction of a plane wave that crosses a homogeneous sphere (anomalous diffraction), seen through an
objective of a given aperture, after the sphere's wave is propagated to the focal plane (Goodman, Introduction to
Fourier Optics, chapters 3 and 6):

    t(r) = exp(i k (n_p - n_m) L - mu L / 2),  L = 2 sqrt(a^2 - r^2) A(q) = 2 pi int_0^a (t - 1) J0(2 pi q r) r dr
    U(R) = 1 + 2 pi int_0^(NA / lambda) A(q) exp(2 pi i z (sqrt(n_m^2 / lambda^2 - q^2) - n_m / lambda)) J0(2 pi q R)
    q dq

The intensity |U|^2 is blurred by the shift of the image under the condenser's oblique light, a Gaussian of |z| NA_c /
(2 n_m).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.special import i0e, j0

from brightfield.simulate.optics import Real

WAVELENGTH_UM = 0.63  # red light-emitting diode
APERTURE = 1.2  # numerical, of a water-immersion objective
MEDIUM = 1.33  # refractive index of water
REACH_UM = 8.0  # beyond this, a bead leaves no trace
COARSE_UM = 0.04  # the integrals; a period of the finest ring is lambda / (2 NA) = 0.26 um
FINE_UM = 0.005  # the table
MIN_BLUR_UM = 0.04  # a detector's pixel and a lamp's spectrum blur even what is in focus
N_RADII, N_FREQUENCIES = 300, 500


@dataclass(frozen=True)
class Sphere:
    """One kind of bead.

    Attributes:
        radius_um: a.
        index: n_p, refractive: 1.45 for silica, 1.59 for polystyrene.
        absorption: mu, per um: 0 for a clear bead, 0.9 for a magnetic one.
    """

    radius_um: float
    index: float
    absorption: float


@dataclass(frozen=True)
class RingProfile:
    """Relative intensity, 1 far away, by distance from the centre for several heights of a bead.

    Attributes:
        heights_um: (K,) rising; how far out of focus the bead is, z above. Positive: a bright core.
        table: (K, n) float32, entry j at a distance of ``j * FINE_UM``.
    """

    heights_um: npt.NDArray[np.float64]
    table: npt.NDArray[np.float32]

    def at(self, z_um: float) -> npt.NDArray[np.float32]:
        """The profile at one height, linear between those computed; the nearest one beyond them."""
        position = float(np.interp(z_um, self.heights_um, np.arange(len(self.heights_um))))
        below = min(int(position), len(self.heights_um) - 2)
        weight = np.float32(position - below)
        profile: npt.NDArray[np.float32] = (1 - weight) * self.table[below] + weight * self.table[below + 1]
        return profile


def ring_profile(sphere: Sphere, condenser: float, heights_um: npt.ArrayLike) -> RingProfile:
    """The profiles of one kind of bead.

    Args:
        sphere: the bead.
        condenser: NA_c, numerical aperture of the light.
        heights_um: (K,) rising; how far out of focus the bead is, z above. Positive: a bright core.
    """
    heights = np.asarray(heights_um, dtype=np.float64)
    distance, frequency, bessel = _hankel()
    spectrum = _spectrum(sphere, frequency)
    axial = np.sqrt((MEDIUM / WAVELENGTH_UM) ** 2 - frequency**2) - MEDIUM / WAVELENGTH_UM
    propagated = spectrum[:, None] * np.exp(2j * np.pi * axial[:, None] * heights)
    intensity = np.abs(1 + bessel @ propagated) ** 2
    fine = np.arange(0, REACH_UM, FINE_UM)
    taper = 1 / (1 + np.exp((fine - 0.85 * REACH_UM) / 0.25))
    rows = []
    for z, profile in zip(heights, intensity.T, strict=True):
        blurred = _blur(distance, np.hypot(abs(z) * condenser / (2 * MEDIUM), MIN_BLUR_UM)) @ profile
        # a radial profile has no slope in the centre
        spline = CubicSpline(distance, blurred, bc_type=((1, 0.0), "not-a-knot"))
        rows.append(1 + (spline(fine) - 1) * taper)
    return RingProfile(heights, np.clip(np.array(rows), 0, None).astype(np.float32))


def draw_rings(profile: Real, path: Real, pixel_um: float, shape: tuple[int, int]) -> Real:
    """Draw one bead, at rest or moving while the shutter is open.

    Args:
        profile: relative intensity every ``FINE_UM`` from the centre (:meth:`RingProfile.at`).
        path: (K, 2) x and y in px that the bead visits for equal times; (0, 0) is the centre of the first pixel.
        pixel_um: size of a pixel.
        shape: rows and columns.

    Returns:
        (H, W) float32, 1 where there is no trace of the bead; the mean over the path and over 2 x 2 points in each
        pixel.
    """
    rows, columns = ((np.arange(2 * n, dtype=np.float32) - np.float32(0.5)) / 2 for n in shape)
    scale = np.float32(pixel_um / FINE_UM)
    drawn = np.zeros((2 * shape[0], 2 * shape[1]), dtype=np.float32)
    for x, y in np.asarray(path, dtype=np.float32):
        steps = np.sqrt(((rows - y) * scale)[:, None] ** 2 + ((columns - x) * scale)[None] ** 2)
        drawn += profile.take(np.rint(steps).astype(np.int32), mode="clip")
    binned: Real = drawn[0::2, 0::2] + drawn[0::2, 1::2] + drawn[1::2, 0::2] + drawn[1::2, 1::2]
    return binned / np.float32(4 * len(path))


@cache
def _hankel() -> tuple[Real, Real, Real]:
    """Distances, spatial frequencies, and the matrix that turns a spectrum over the latter into a field."""
    distance = np.arange(0, REACH_UM, COARSE_UM)
    frequency = np.linspace(0, APERTURE / WAVELENGTH_UM, N_FREQUENCIES)
    weights = _trapezoid(frequency)
    bessel = 2 * np.pi * j0(2 * np.pi * distance[:, None] * frequency) * (frequency * weights)
    return distance, frequency, bessel


def _spectrum(sphere: Sphere, frequency: Real) -> npt.NDArray[np.complex128]:
    r = np.linspace(0, sphere.radius_um, N_RADII)
    path = 2 * np.sqrt(np.clip(sphere.radius_um**2 - r**2, 0, None))
    phase = 2 * np.pi / WAVELENGTH_UM * (sphere.index - MEDIUM) * path
    scattered = np.exp(1j * phase - sphere.absorption * path / 2) - 1
    spectrum: npt.NDArray[np.complex128] = (
        2 * np.pi * j0(2 * np.pi * frequency[:, None] * r) @ (scattered * r * _trapezoid(r))
    )
    return spectrum


def _blur(distance: Real, sigma: float) -> Real:
    """The matrix of a two-dimensional Gaussian on radial profiles: integrating over the angle leaves a Bessel I0."""
    outer = distance[:, None] * distance / sigma**2
    rings = np.maximum(distance, distance[1] / 8)  # areas; the first is the disc within half a step of the centre
    kernel = np.exp(-((distance[:, None] - distance) ** 2) / (2 * sigma**2)) * i0e(outer) * rings
    normalised: Real = kernel / kernel.sum(axis=1, keepdims=True)
    return normalised


def _trapezoid(x: Real) -> Real:
    weights = np.full(len(x), x[1] - x[0])
    weights[[0, -1]] /= 2
    return weights
