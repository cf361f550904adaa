"""How a transparent object looks under a microscope: Abbe's theory, in brightfield and in phase contrast.

Each point of the condenser sends a tilted plane wave through the object; the objective passes what falls inside its
pupil, where defocus is a phase and, in phase contrast, a ring shifts and dims the light that the object did not
deflect (Zernike 1942). The intensities of the points add up (Born & Wolf, Principles of Optics, sections 8.6.3 and
10.6). Halos, shade-off and the inversion of contrast through focus come out by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from brightfield.simulate.optics import Real

WAVELENGTH_UM = 0.55
APERTURE = 1.3  # numerical, of a 100x oil objective
MEDIUM = 1.33  # refractive index of the medium around the cells


@dataclass(frozen=True)
class Illumination:
    """A condenser and, for phase contrast, the ring in the objective.

    Attributes:
        rings: numerical aperture and number of points of each ring of the condenser; (0, 1) is the axis.
        plate: numerical apertures between which the phase ring lies; None in brightfield.
        amplitude: what the ring lets through, as an amplitude; it shifts by a quarter of a wave so that cells are dark.
    """

    rings: tuple[tuple[float, int], ...]
    plate: tuple[float, float] | None = None
    amplitude: float = 1.0

    def points(self) -> list[tuple[float, float]]:
        """Directions of illumination as spatial frequencies (fx, fy) per um."""
        directions = []
        for aperture, n in self.rings:
            for angle in np.arange(n) * 2 * np.pi / n + aperture:
                directions.append((aperture / WAVELENGTH_UM * np.cos(angle), aperture / WAVELENGTH_UM * np.sin(angle)))
        return directions


BRIGHTFIELD = Illumination(rings=((0.0, 1), (0.25, 2), (0.43, 4)))  # a condenser of NA 0.45


def phase_contrast(amplitude: float, width: float) -> Illumination:
    """Phase contrast with a ring at NA 0.55; the narrower it is, the wider the halo."""
    return Illumination(rings=((0.55, 10),), plate=(0.55 - width / 2, 0.55 + width / 2), amplitude=amplitude)


def form_image(
    transmission: npt.NDArray[np.complex64], pixel_um: float, defocus_um: Sequence[float], light: Illumination
) -> Real:
    """The images of an object at several focal planes.

    Args:
        transmission: (H, W) what the object does to a wave: modulus and phase; opposite edges meet.
        pixel_um: size of a pixel.
        defocus_um: distance of each focal plane from the object.
        light: condenser and phase ring.

    Returns:
        (planes, H, W) float32, 1 where there is no object.
    """
    spectrum = scipy.fft.fft2(transmission, workers=1)
    fy, fx = (scipy.fft.fftfreq(n, pixel_um).astype(np.float32) for n in transmission.shape)
    images = np.zeros((len(defocus_um), *transmission.shape), dtype=np.float32)
    points = light.points()
    for sx, sy in points:
        squared = (fy + np.float32(sy))[:, None] ** 2 + (fx + np.float32(sx)) ** 2
        inside = np.nonzero(squared <= (APERTURE / WAVELENGTH_UM) ** 2)
        passed = spectrum[inside] * _ring(squared[inside], light)
        axial = np.sqrt((MEDIUM / WAVELENGTH_UM) ** 2 - squared[inside])
        for image, z in zip(images, defocus_um, strict=True):
            pupil = np.zeros_like(spectrum)
            pupil[inside] = passed * np.exp(np.complex64(2j * np.pi * z) * axial)
            wave = scipy.fft.ifft2(pupil, workers=1, overwrite_x=True)
            image += wave.real**2 + wave.imag**2
    return images / np.float32(len(points) * light.amplitude**2)


def _ring(squared: Real, light: Illumination) -> npt.NDArray[np.complex64] | np.complex64:
    if light.plate is None:
        return np.complex64(1)
    inner, outer = ((aperture / WAVELENGTH_UM) ** 2 for aperture in light.plate)
    on_ring = (squared >= inner) & (squared <= outer)
    plate: npt.NDArray[np.complex64] = np.where(on_ring, np.complex64(-1j * light.amplitude), np.complex64(1))
    return plate
