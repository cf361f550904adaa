"""Images of transparent objects in brightfield and phase contrast microscopes, by Abbe's theory.

Each point of the condenser sends a tilted plane wave through the object. The objective transmits what falls inside its pupil, where
defocus is a phase and, in phase contrast, a ring shifts and dims undeflected light (Zernike 1942). The intensities of all points
add up (Born & Wolf, Principles of Optics, sections 8.6.3 and 10.6). Halos, shade-off and the inversion of contrast through focus
follow from this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from brightfield.simulate.optics import Real

WAVELENGTH_UM = 0.55
APERTURE = 1.3  # numerical aperture of a 100x oil objective
MEDIUM = 1.33  # refractive index of the medium around the cells


@dataclass(frozen=True)
class Illumination:
    """A condenser and, for phase contrast, the ring in the objective.

    Attributes:
        rings: numerical aperture and number of points of each ring of the condenser; (0, 1) is the axis.
        plate: inner and outer numerical aperture of the phase ring; None in brightfield.
        amplitude: amplitude transmission of the ring, which also shifts by a quarter of a wave, so that cells are dark.
        negative: the ring shifts the other way (negative phase contrast), so that cells are bright.
    """

    rings: tuple[tuple[float, int], ...]
    plate: tuple[float, float] | None = None
    amplitude: float = 1.0
    negative: bool = False

    def points(self) -> list[tuple[float, float]]:
        """Directions of illumination as spatial frequencies (fx, fy) per um."""
        directions = []
        for aperture, n in self.rings:
            for angle in np.arange(n) * 2 * np.pi / n + aperture:
                directions.append((aperture / WAVELENGTH_UM * np.cos(angle), aperture / WAVELENGTH_UM * np.sin(angle)))
        return directions


BRIGHTFIELD = Illumination(rings=((0.0, 1), (0.25, 2), (0.43, 4)))  # a condenser of NA 0.45


def brightfield(stretched: float) -> Illumination:
    """Brightfield with a condenser opened so many times as wide as ``BRIGHTFIELD``: closed, contrast grows."""
    rings = tuple((aperture * stretched, n) for aperture, n in BRIGHTFIELD.rings)
    return Illumination(rings=rings)


def phase_contrast(amplitude: float, width: float, negative: bool = False) -> Illumination:
    """Phase contrast with a ring at NA 0.55; a narrower ring gives a wider halo."""
    plate = (0.55 - width / 2, 0.55 + width / 2)
    return Illumination(rings=((0.55, 10),), plate=plate, amplitude=amplitude, negative=negative)


def form_image(
    transmission: npt.NDArray[np.complex64], pixel_um: float, defocus_um: Sequence[float], light: Illumination
) -> Real:
    """Compute the images of an object at several focal planes.

    Args:
        transmission: (H, W) complex transmission of the object, periodic.
        pixel_um: size of a pixel.
        defocus_um: distance of each focal plane from the object.
        light: condenser and phase ring.

    Returns:
        (planes, H, W) float32, 1 where there is no object.
    """
    shape = transmission.shape
    spectrum = scipy.fft.fft2(transmission, workers=1)
    fy, fx = (scipy.fft.fftfreq(n, pixel_um).astype(np.float32) for n in shape)
    coarse = tuple(_samples_needed(n, pixel_um) for n in shape)
    images = np.zeros((len(defocus_um), *coarse), dtype=np.float32)
    points = light.points()
    for sx, sy in points:
        squared = (fy + np.float32(sy))[:, None] ** 2 + (fx + np.float32(sx)) ** 2
        inside = np.nonzero(squared <= (APERTURE / WAVELENGTH_UM) ** 2)
        passed = spectrum[inside] * _ring(squared[inside], light)
        axial = np.sqrt((MEDIUM / WAVELENGTH_UM) ** 2 - squared[inside])
        # shift the pupil's middle to frequency 0: intensities do not change, and fewer samples suffice
        middle = [-round(s * n * pixel_um) for s, n in zip((sy, sx), shape, strict=True)]
        placed = tuple(
            ((index - m + n // 2) % n - n // 2) % few
            for index, m, n, few in zip(inside, middle, shape, coarse, strict=True)
        )
        for image, z in zip(images, defocus_um, strict=True):
            pupil = np.zeros(coarse, spectrum.dtype)
            pupil[placed] = passed * np.exp(np.complex64(2j * np.pi * z) * axial)
            wave = scipy.fft.ifft2(pupil, workers=1, overwrite_x=True)
            image += wave.real**2 + wave.imag**2
    scale = (coarse[0] * coarse[1] / (shape[0] * shape[1])) ** 2 / (len(points) * light.amplitude**2)
    return np.stack([_upsampled(image * np.float32(scale), shape) for image in images])


def _samples_needed(n: int, pixel_um: float) -> int:
    """Number of samples along an axis of n pixels that resolve all intensities, which vary twice as fast as the waves."""
    highest = 2 * APERTURE / WAVELENGTH_UM * n * pixel_um  # periods along the axis
    return min(n, int(scipy.fft.next_fast_len(2 * int(np.ceil(highest)) + 4)))


def _upsampled(image: Real, shape: tuple[int, ...]) -> Real:
    """Upsample a band-limited image."""
    if image.shape == shape:
        return image
    few = scipy.fft.rfft2(image, workers=1)
    spectrum = np.zeros((shape[0], shape[1] // 2 + 1), few.dtype)
    half = image.shape[0] // 2
    spectrum[:half, : few.shape[1]], spectrum[-half:, : few.shape[1]] = few[:half], few[-half:]
    fine: Real = scipy.fft.irfft2(spectrum, s=shape, workers=1, overwrite_x=True)
    fine *= np.float32(fine.size / image.size)
    return fine


def _ring(squared: Real, light: Illumination) -> npt.NDArray[np.complex64] | np.complex64:
    if light.plate is None:
        return np.complex64(1)
    inner, outer = ((aperture / WAVELENGTH_UM) ** 2 for aperture in light.plate)
    on_ring = (squared >= inner) & (squared <= outer)
    shift = 1j if light.negative else -1j
    plate: npt.NDArray[np.complex64] = np.where(on_ring, np.complex64(shift * light.amplitude), np.complex64(1))
    return plate
