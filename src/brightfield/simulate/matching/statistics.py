"""Statistics of the appearance of images, and the distance of two sets of images in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import median_filter

Real = npt.NDArray[np.float64]

LEVELS = np.linspace(0.005, 0.995, 100)  # quantiles that represent the histogram
SPECTRUM_BINS = 24  # number of rings of the power spectrum, evenly spaced in the logarithm of the frequency
LOWEST = 1 / 64  # lowest frequency in cycles per pixel: lower ones are due to the illumination
HIGHEST = 0.5  # highest frequency in cycles per pixel
CONTOUR = (200, 60, 60)  # a pixel with more red, and less green and blue, belongs to a line that a program drew


@dataclass(frozen=True)
class ImageStatistics:
    """The appearance of a set of images, in counts.

    Attributes:
        levels: (C, 100) grey levels at evenly spaced quantiles, for each channel.
        spectrum: (24,) mean over images of log10 of the power at each spatial frequency, low to high.
    """

    levels: Real
    spectrum: Real


@dataclass(frozen=True)
class Distance:
    """The distance of two sets of images in their statistics.

    Attributes:
        histogram: mean difference of grey levels (first Wasserstein distance), relative to the reference's range of grey levels.
        spectrum: root mean square difference of the decimal logarithm of the power.
    """

    histogram: float
    spectrum: float

    @property
    def total(self) -> float:
        """The objective of the fit: a tenth of the range weighs as much as a factor of two in power."""
        return 3 * self.histogram + self.spectrum


def image_statistics(images: Sequence[npt.NDArray[Any]]) -> ImageStatistics:
    """The statistics of images of one type, (H, W) or (H, W, C); a red contour in colour images is removed first."""
    clean = [without_contour(image) for image in images]
    channels = [np.atleast_3d(image) for image in clean]
    levels = [
        np.quantile(np.concatenate([image[..., c].ravel() for image in channels]), LEVELS)
        for c in range(channels[0].shape[2])
    ]
    spectra = [_radial_spectrum(image.mean(axis=2)) for image in channels]
    return ImageStatistics(np.array(levels), np.mean(spectra, axis=0))


def distance(image_statistics: ImageStatistics, reference: ImageStatistics) -> Distance:
    """The distance of statistics from those of the reference."""
    extent = np.maximum(reference.levels[:, -1] - reference.levels[:, 0], 1e-9)
    histogram = float((np.abs(image_statistics.levels - reference.levels).mean(axis=1) / extent).mean())
    return Distance(histogram, float(np.sqrt(np.mean((image_statistics.spectrum - reference.spectrum) ** 2))))


def tiles(frame: npt.NDArray[Any], size: int) -> Iterator[npt.NDArray[Any]]:
    """Adjacent square tiles of a frame, as many as fit, cropped to a frame that is smaller."""
    height, width = frame.shape[:2]
    down, right = min(size, height), min(size, width)
    for i in range(max(1, height // size)):
        for j in range(max(1, width // size)):
            yield frame[i * size : i * size + down, j * size : j * size + right]


def contour_share(image: npt.NDArray[Any]) -> float:
    """Share of the pixels that belong to a drawn red line."""
    return float(_contour(image).mean()) if image.ndim == 3 else 0.0


def without_contour(image: npt.NDArray[Any]) -> Real:
    """The image as float64, with a drawn red line replaced by the median of its surroundings."""
    values = image.astype(np.float64)
    if image.ndim == 3 and (line := _contour(image)).any():
        around = np.where(line[..., None], np.nan, values)
        median = np.nanmedian(around, axis=(0, 1))
        filled = np.where(line[..., None], median, values)
        values[line] = median_filter(filled, size=(5, 5, 1))[line]
    return values


def _contour(image: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    red, green, blue = (image[..., c] for c in range(3))
    line: npt.NDArray[np.bool_] = (red > CONTOUR[0]) & (green < CONTOUR[1]) & (blue < CONTOUR[2])
    return line


def _radial_spectrum(grey: Real) -> Real:
    """log10 of the mean power in each ring, under a Hann window."""
    height, width = grey.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    flat = (grey - np.average(grey, weights=window)) * window
    power = np.abs(scipy.fft.rfft2(flat, workers=1)) ** 2 / (window**2).sum()
    frequency = np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width))
    edges = np.geomspace(LOWEST, HIGHEST, SPECTRUM_BINS + 1)
    ring = np.digitize(frequency, edges) - 1
    inside = (ring >= 0) & (ring < SPECTRUM_BINS)
    counts = np.bincount(ring[inside], minlength=SPECTRUM_BINS)
    sums = np.bincount(ring[inside], weights=power[inside], minlength=SPECTRUM_BINS)
    known = counts > 0  # the lowest rings contain no frequency of a small image
    rings = np.arange(SPECTRUM_BINS)
    logarithm = np.log10(sums[known] / counts[known] + 1e-12)
    spectrum: Real = np.interp(rings, rings[known], logarithm)
    return spectrum
