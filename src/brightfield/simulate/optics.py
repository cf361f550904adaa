"""Parts of every simulated microscope: uneven light, dust, smooth random fields and a camera.

Pure functions of arrays, parameters and a ``np.random.Generator``; shapes are (rows, columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

Real = npt.NDArray[np.floating[Any]]
Shape = tuple[int, int]

VIGNETTE = 0.15  # loss of light from the brightest point to a corner half a field away, typical of Koehler illumination
TILT = 0.04  # standard deviation of the linear gradient across the field
DUST_PER_PIXEL = 3 / 512**2  # mean number of specks on the camera's window
DUST_RADIUS_PX = (6.0, 30.0)  # range of the specks' radius
DUST_CONTRAST = 0.08  # largest change of the light by a speck
PIXEL_RESPONSE = 0.006  # standard deviation of the pixels' sensitivity; 0.5 to 1% in data sheets of sCMOS cameras


@dataclass(frozen=True)
class Camera:
    """A linear camera with shot noise, read noise and saturation (EMVA 1288 model).

    Attributes:
        electrons_per_count: conversion factor; a count is one step of the digitiser.
        offset: counts without light.
        read_noise: standard deviation in electrons, independent for each pixel.
        row_noise: standard deviation in electrons, shared by the pixels of a row.
        column_noise: the same of a column.
        grain: standard deviation in electrons of noise that neighbouring pixels share.
        grain_px: standard deviation in px of the Gaussian by which they share it.
        bits: counts saturate at ``2**bits - 1``; up to 8 bits give uint8, more give uint16.
    """

    electrons_per_count: float = 1.0
    offset: float = 100.0
    read_noise: float = 2.0
    row_noise: float = 0.4
    bits: int = 16
    column_noise: float = 0.0
    grain: float = 0.0
    grain_px: float = 1.0

    def expected_counts(self, electrons: Real) -> Real:
        """The mean counts of a pixel, before rounding and saturation."""
        return self.offset + electrons / self.electrons_per_count

    def expose(self, electrons: Real, rng: np.random.Generator, response: Real | float = 1.0) -> npt.NDArray[Any]:
        """Simulate one exposure.

        Args:
            electrons: (H, W) or (H, W, C) expected photoelectrons; values below 0 count as 0.
            rng: source of the noise.
            response: relative sensitivity of each pixel (:func:`pixel_response`), fixed for a camera.

        Returns:
            An array of the same shape, uint8 or uint16:
            ``clip(round((Poisson(electrons * response) + noise) / electrons_per_count + offset))``.
        """
        collected = rng.poisson(np.clip(electrons * response, 0, None)).astype(np.float64)
        collected += rng.normal(0, self.read_noise, collected.shape)
        rows = (collected.shape[0],) + (1,) * (collected.ndim - 1)
        collected += rng.normal(0, self.row_noise, rows)
        if self.column_noise:
            collected += rng.normal(0, self.column_noise, (collected.shape[1],) + (1,) * (collected.ndim - 2))
        if self.grain:
            field = self.grain * smooth_field((collected.shape[0], collected.shape[1]), self.grain_px, rng)
            collected += field.reshape(field.shape + (1,) * (collected.ndim - 2))
        counts = np.rint(self.expected_counts(collected))
        return np.clip(counts, 0, 2**self.bits - 1).astype(np.uint8 if self.bits <= 8 else np.uint16)


def pixel_response(shape: Shape, rng: np.random.Generator, deviation: float = PIXEL_RESPONSE) -> Real:
    """Fixed pattern: the relative sensitivity of each pixel, around 1."""
    return 1 + deviation * rng.standard_normal(shape)


def illumination(shape: Shape, rng: np.random.Generator, vignette: float = VIGNETTE, tilt: float = TILT) -> Real:
    """Uneven light: a quadratic vignette, 1 at a point near the middle, plus a linear tilt."""
    y, x = _field_coordinates(shape)
    cx, cy = rng.uniform(-0.3, 0.3, 2)
    gx, gy = rng.normal(0, tilt, 2)
    light: Real = 1 - 2 * vignette * ((x - cx) ** 2 + (y - cy) ** 2) + gx * x + gy * y
    return light


def dust(shape: Shape, rng: np.random.Generator) -> Real:
    """Transmission around 1: specks out of focus show as damped rings."""
    transmission = np.ones(shape)
    for _ in range(rng.poisson(DUST_PER_PIXEL * shape[0] * shape[1])):
        cx, cy = rng.uniform(0, shape[1] - 1), rng.uniform(0, shape[0] - 1)
        radius = rng.uniform(*DUST_RADIUS_PX)
        strength = rng.uniform(-DUST_CONTRAST, DUST_CONTRAST)
        box, dy, dx = around(shape, cx, cy, 3 * radius)  # exp(-9) is negligible
        r = np.hypot(dx, dy) / radius
        transmission[box] *= 1 + strength * np.cos(3 * np.pi * r) * np.exp(-(r**2))
    return transmission


def around(shape: Shape, x: float, y: float, reach: float) -> tuple[tuple[slice, slice], Real, Real]:
    """The box of pixels within ``reach`` px of a point, and their offsets from it: (h, 1) downwards and (1, w) to the right."""
    rows, columns = (
        slice(max(0, int(np.floor(c - reach))), min(n, int(np.ceil(c + reach)) + 1))
        for c, n in zip((y, x), shape, strict=True)
    )
    row, column = np.ogrid[rows, columns]
    return (rows, columns), row - y, column - x


def smooth_field(shape: Shape, sigma_px: float, rng: np.random.Generator) -> Real:
    """White noise smoothed by a Gaussian, with mean 0 and standard deviation 1: (H, W) float32, periodic."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    frequencies = scipy.fft.fftfreq(shape[0]), scipy.fft.rfftfreq(shape[1])
    sigma = min(sigma_px, min(shape))  # the lowest frequency must remain, however wide the Gaussian
    along_y, along_x = (np.exp(-2 * (np.pi * sigma * f) ** 2).astype(np.float32) for f in frequencies)
    spectrum = scipy.fft.rfft2(noise, workers=1)
    spectrum *= along_y[:, None]
    spectrum *= along_x
    spectrum[0, 0] = 0  # no mean
    field: Real = scipy.fft.irfft2(spectrum, s=shape, workers=1, overwrite_x=True)
    field /= field.std()
    return field


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """A number whose logarithm is uniform between those of ``low`` and ``high``."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _field_coordinates(shape: Shape) -> tuple[Real, Real]:
    """Row and column of each pixel relative to the middle, in units of the longer side."""
    longer = max(shape)
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - (shape[0] - 1) / 2) / longer, (x - (shape[1] - 1) / 2) / longer
