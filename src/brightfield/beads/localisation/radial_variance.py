"""Centres of radial symmetry where rings overlap, by the light that a radial profile around each pixel explains.

Radial variance transform (Kashkanova et al. 2021, Optics Express 29, 11070): within a radius of a pixel, the variance of the means
of rings over the variance of all pixels is the share of the light that rings around this pixel explain. Rings of other beads cross
a ring in a few pixels, so that they change its mean little. The work grows with the area of the frame and with the radius.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from brightfield.beads.localisation.finding import suppress_weaker

Real = npt.NDArray[np.float64]
SMOOTH_PX = 1.0  # standard deviation of the smoothing of the frame
RING_PX = 1.0  # distance between the radii of two rings
LEAST_SEEN = 0.35  # smallest share of a disc inside the frame: less holds no ring
STRONGEST = 3  # number of candidates whose median is the typical strength
LEAST_STRENGTH = 0.2  # smallest strength of a candidate over the typical one
MOST_CENTRES = 200  # largest number of candidates in a frame
APART = 0.5  # smallest distance between two candidates over the radius


def explained_by_rings(frame: npt.NDArray[Any], radius: int) -> tuple[Real, Real]:
    """The share of the variance within ``radius`` px of each pixel (H, W) that rings around it explain, and the variance explained.

    Args:
        frame: (H, W) in any units.
        radius: radius of the largest ring in px.
    """
    level = float(np.median(frame))
    pixels = ndimage.gaussian_filter(frame.astype(np.float64) - level, SMOOTH_PX)
    height, width = pixels.shape
    size = [scipy.fft.next_fast_len(n + 2 * radius, real=True) for n in pixels.shape]
    spectra = [scipy.fft.rfft2(image, s=size) for image in (np.ones_like(pixels), pixels, pixels**2)]
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    distance = np.hypot(y[:, None], x)

    def summed(spectrum: npt.NDArray[Any], kernel: npt.NDArray[Any]) -> Real:
        found: Real = scipy.fft.irfft2(spectrum * kernel, s=size)[:height, :width]
        return found

    weight, first, second = np.zeros(pixels.shape), np.zeros(pixels.shape), np.zeros(pixels.shape)
    for r in np.arange(0, radius + 0.5, RING_PX):
        ring = scipy.fft.rfft2(np.clip(1 - np.abs(distance - r) / RING_PX, 0, 1))
        seen, light = np.maximum(summed(spectra[0], ring), 1e-6), summed(spectra[1], ring)
        weight += seen
        first += light
        second += light**2 / seen
    disc = scipy.fft.rfft2((distance <= radius).astype(np.float64))
    seen = np.maximum(summed(spectra[0], disc), 1e-6)
    every = summed(spectra[2], disc) / seen - (summed(spectra[1], disc) / seen) ** 2
    explained = np.maximum(second / weight - (first / weight) ** 2, 0)
    explained[seen < LEAST_SEEN * float((distance <= radius).sum())] = 0
    share = explained / np.maximum(every, 1e-9 * max(float(every.max()), 1e-30))
    return np.clip(share, 0, 1), explained


def ring_centres(frame: npt.NDArray[Any], radius: int) -> Real:
    """Candidates (N, 2) for beads with rings up to ``radius`` px, x and y to a pixel, those that explain most light first."""
    share, explained = explained_by_rings(frame, radius)
    strength = share * explained
    peak = (ndimage.maximum_filter(strength, 5) == strength) & (strength > 0)
    y, x = np.nonzero(peak)
    positions, strengths = np.stack([x, y], axis=1).astype(np.float64), strength[y, x]
    kept = suppress_weaker(positions, strengths, max(APART * radius, 2.0))[:MOST_CENTRES]
    if len(kept):
        kept = kept[strengths[kept] >= LEAST_STRENGTH * float(np.median(strengths[kept[:STRONGEST]]))]
    return positions[kept]
