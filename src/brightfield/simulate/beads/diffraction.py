"""The image of a sphere out of focus: its brightness as a function of the distance from the centre.

Scalar diffraction of a plane wave that crosses a homogeneous sphere (anomalous diffraction), seen through an
objective of a given aperture, after the sphere's wave is propagated to the focal plane (Goodman, Introduction to
Fourier Optics, chapters 3 and 6):

    t(r) = exp(i k (n_p - n_m) L - mu L / 2),  L = 2 sqrt(a^2 - r^2)
    A(q) = 2 pi int_0^a (t - 1) J0(2 pi q r) r dr
    U(R) = 1 + 2 pi int_0^(NA / lambda) A(q) exp(2 pi i z (sqrt(n_m^2 / lambda^2 - q^2) - n_m / lambda)) J0(2 pi q R) q dq

The intensity ``|U|^2`` is blurred by the shift of the image under the condenser's oblique light, a Gaussian of
``|z|`` NA_c / (2 n_m), by the lamp's spectrum and by the square of a pixel, approximated by a Gaussian of the same variance. It has
no detail finer than lambda / (2 NA) = 0.26 um, so its Hankel transform is band-limited: blurring is a product there, and the
inverse transform to a table of any resolution is one small matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import j0

from brightfield.simulate.optics import Real, around

WAVELENGTH_UM = 0.63  # of a red light-emitting diode
APERTURE = 1.2  # numerical aperture of a water-immersion objective
MEDIUM = 1.33  # refractive index of water
REACH_UM = 8.0  # largest radius of a bead's image
COARSE_UM = 0.04  # distance between the points of the field: six in a period of the finest ring
RADIAL_UM = 0.004  # distance between the points of the intensity: linear interpolation is off by a thousandth at most
FINE_UM = 0.001  # distance between entries of a profile: a hundredth of a pixel, so that the nearest is accurate enough
LAMP_BLUR_UM = 0.03  # standard deviation of the blur by the lamp's spectrum, even in focus
FAINT = 1e-3  # smallest deviation of a ring, over the background, that is drawn; shot noise is 1.8% or more
N_ANGLES, N_PUPIL = 40, 160  # Gauss-Legendre nodes for A and U: U has up to 45 periods of its phase at 24 um
# frequencies of the intensity per um: the highest is 2 NA / lambda and a margin for the taper; 1 / SPACING > 2 REACH_UM
HIGHEST, SPACING = 4.5, 0.05


@dataclass(frozen=True)
class Sphere:
    """One kind of bead.

    Attributes:
        radius_um: radius a.
        index: refractive index n_p: 1.45 for silica, 1.59 for polystyrene.
        absorption: absorption coefficient mu per um: 0 for a clear bead, 0.9 for a magnetic one.
    """

    radius_um: float
    index: float
    absorption: float


@dataclass(frozen=True)
class RingProfile:
    """Relative intensity, 1 far away, as a function of radius, for one kind of bead under one microscope.

    Attributes:
        condenser: numerical aperture NA_c of the condenser.
        pixel_um: size of a pixel.
        scattered: (N_PUPIL,) complex A(q) at the nodes of the pupil.
    """

    condenser: float
    pixel_um: float
    scattered: npt.NDArray[np.complex128]

    def at(self, z_um: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The profiles at given heights.

        Args:
            z_um: (K,) distances from focus. Positive: a bright core.

        Returns:
            (K, n) float32; entry j is at a radius of ``(j + 0.5) * FINE_UM``.
        """
        z = np.asarray(z_um, dtype=np.float64)[:, None]
        tables = _tables()
        pupil = self.scattered * np.exp(2j * np.pi * tables.axial * z)
        real, imaginary = _applied(tables.field, pupil.real), _applied(tables.field, pupil.imag)
        deviation = ((1 + real) ** 2 + imaginary**2 - 1) * tables.taper
        variance = (z * self.condenser / (2 * MEDIUM)) ** 2 + LAMP_BLUR_UM**2 + self.pixel_um**2 / 12
        blurred = _applied(tables.forth, deviation) * np.exp(-2 * np.pi**2 * tables.frequency**2 * variance)
        coarse = 1 + np.einsum("kq,qr->kr", blurred.astype(np.float32), tables.back)
        fine = [np.interp(tables.fine, tables.radial, profile) for profile in np.maximum(coarse, 0)]
        return np.asarray(fine, dtype=np.float32).reshape(len(z), tables.fine.size)  # also of no height


def ring_profile(sphere: Sphere, condenser: float, pixel_um: float) -> RingProfile:
    """Compute the profiles of one kind of bead.

    Args:
        sphere: the bead.
        condenser: numerical aperture NA_c of the condenser.
        pixel_um: size of a pixel, which adds blur.
    """
    tables = _tables()
    angle, weights = tables.angle
    # with r = a sin(angle) the integrand is smooth, although the path has an infinite slope at the rim
    r, path = sphere.radius_um * np.sin(angle), 2 * sphere.radius_um * np.cos(angle)
    phase = 2 * np.pi / WAVELENGTH_UM * (sphere.index - MEDIUM) * path
    added = (np.exp(1j * phase - sphere.absorption * path / 2) - 1) * r * path / 2 * weights
    scattered = 2 * np.pi * (j0(2 * np.pi * tables.pupil[:, None] * r) * added).sum(axis=1)
    return RingProfile(condenser, pixel_um, scattered)


def draw_rings(light: Real, profile: Real, contrast: float, path: Real, pixel_um: float) -> None:
    """Multiply the light by the transmission of one bead, at rest or moving during the exposure.

    The profile includes the blur of a pixel, so a pixel has the value at its centre. With more than two samples in the period of
    the finest ring (pixels below 0.13 um), the centre of mass of any function of the image is the position of the bead.

    Args:
        light: (H, W) float32, changed in place; (0, 0) is the centre of the first pixel.
        profile: (n,) a row of :meth:`RingProfile.at`.
        contrast: factor of the deviation from 1.
        path: (K, 2) positions x and y in px of equal duration; their mean image is drawn.
        pixel_um: size of a pixel.
    """
    deviation = np.float32(contrast) * (profile - 1)
    reach = (np.flatnonzero(np.abs(deviation) > FAINT).max(initial=0) + 1) * FINE_UM / pixel_um
    deviation /= len(path)
    x, y = path.mean(axis=0)
    box, dy, dx = around((light.shape[0], light.shape[1]), x, y, reach + float(np.abs(path - (x, y)).max()))
    scale, steps = pixel_um / FINE_UM, path - (x, y)
    rows, columns = (
        ((scale * (away.ravel() - step[:, None])) ** 2).astype(np.float32)
        for away, step in ((dy, steps[:, 1]), (dx, steps[:, 0]))
    )
    drawn = np.ones((dy.size, dx.size), dtype=np.float32)
    distance, entry, value = np.empty_like(drawn), np.empty(drawn.shape, np.intp), np.empty_like(drawn)
    for row, column in zip(rows, columns, strict=True):
        np.sqrt(np.add.outer(row, column, out=distance), out=distance)
        np.copyto(entry, distance, casting="unsafe")
        drawn += deviation.take(entry, out=value, mode="clip")
    light[box] *= drawn


@dataclass(frozen=True)
class _Tables:
    """Tables that do not depend on the bead; distances in um, frequencies per um."""

    angle: tuple[Real, Real]  # (N_ANGLES,) angles from 0 to pi / 2, and weights
    pupil: Real  # (N_PUPIL,) frequencies
    axial: Real  # (N_PUPIL,) phase of a wave in periods per um of height
    field: Real  # (n, N_PUPIL) from a spectrum to the field at each distance
    taper: Real  # (n,) 1 near the bead, 0 at its reach
    frequency: Real  # (m,) frequencies of the intensity
    forth: Real  # (m, n) from an intensity at each distance to its spectrum
    radial: Real  # (k,) distances
    back: npt.NDArray[np.float32]  # (m, k) from a spectrum of the intensity to the distances of ``radial``
    fine: Real  # (n,) distances of a profile's entries


@cache
def _tables() -> _Tables:
    angles, angle_weights = np.polynomial.legendre.leggauss(N_ANGLES)
    nodes, weights = np.polynomial.legendre.leggauss(N_PUPIL)
    half = APERTURE / WAVELENGTH_UM / 2
    pupil, distance = half * (nodes + 1), np.arange(0, REACH_UM, COARSE_UM)
    frequency, radial = np.arange(0, HIGHEST, SPACING), np.arange(0, REACH_UM, RADIAL_UM)
    return _Tables(
        angle=(np.pi / 4 * (angles + 1), np.pi / 4 * angle_weights),
        pupil=pupil,
        axial=np.sqrt((MEDIUM / WAVELENGTH_UM) ** 2 - pupil**2) - MEDIUM / WAVELENGTH_UM,
        field=2 * np.pi * j0(2 * np.pi * distance[:, None] * pupil) * (pupil * half * weights),
        taper=1 / (1 + np.exp((distance - 0.85 * REACH_UM) / 0.25)),
        frequency=frequency,
        radial=radial,
        fine=np.arange(FINE_UM / 2, REACH_UM, FINE_UM),
        forth=2 * np.pi * j0(2 * np.pi * frequency[:, None] * distance) * _discs(distance),
        back=(2 * np.pi * j0(2 * np.pi * frequency[:, None] * radial) * _discs(frequency)[:, None]).astype(np.float32),
    )


def _applied(matrix: Real, rows: Real) -> Real:
    """Apply a matrix (m, n) to rows (K, n), without BLAS, whose rounding depends on the number of threads, for no gain in speed."""
    applied: Real = np.einsum("mn,kn->km", matrix, rows)
    return applied


def _discs(x: Real) -> Real:
    """Weights of an integral over x dx by the trapezoidal rule; the first weight is the Euler-Maclaurin correction."""
    weights: Real = x * (x[1] - x[0])
    weights[0] = (x[1] - x[0]) ** 2 / 12
    return weights
