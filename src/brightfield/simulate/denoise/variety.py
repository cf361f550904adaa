"""Fluorescence images as many labs take them, for networks that others begin with.

Most show other things than nuclei, so that a denoiser does not take nuclei for everything; the light goes down to a photon at
the peak, the blur from sharp to wide, and noise has rows, columns and grain.
"""

from __future__ import annotations

import numpy as np

from brightfield.simulate.denoise.conditions import Acquisition, Range
from brightfield.simulate.optics import log_uniform

DIMMER, BRIGHTER = 4.0, 5 / 3  # the range of the peak goes this much farther: 1 to 100 electrons instead of 4 to 60
# Shares of what a field shows first
SEEN = {"nuclei": 0.25, "filaments": 0.25, "cytoplasm": 0.2, "puncta": 0.15, "membranes": 0.15}
SECOND, WEIGHT = (
    0.5,
    (0.15, 1.0),
)  # share of the fields that show two, and brightness of the second relative to the first
COVER = (0.05, 0.6)
BLUR_PX = (0.5, 4.0)
RADIUS_PX = (6.0, 35.0)
HAZE = (0.0, 0.8)
BACKGROUND = (0.003, 0.5)
# Electrons. A dim image was taken with a camera of little noise, or there is nothing to be seen
LEAST_READ_NOISE, READ_NOISE, READ_NOISE_PER_PEAK = 0.3, 5.0, 0.4
STRIPES = 0.4  # share of the cameras with row noise, and of those with column noise,
STRIPE_NOISE, STRIPE_NOISE_PER_PEAK = 1.5, 0.1  # the largest, and the largest relative to the peak
GRAINY, GRAIN, GRAIN_PX = (
    0.3,
    (0.3, 1.2),
    (0.5, 1.5),
)  # share of the cameras with grain, relative to read noise; its size
RESPONSE = 0.03
FINEST_COUNT = (
    0.05  # electrons in a count; the coarsest are twice the read noise, so that rounding does not shift the mean
)
OFFSET = (10.0, 500.0)  # counts beyond five standard deviations of the noise in the dark: none is cut off at 0


def wide_acquisition(peak_electrons: Range, rng: np.random.Generator) -> Acquisition:
    """Draw the conditions of a field of any lab.

    Args:
        peak_electrons: the range of one lab.
        rng: source of everything random.
    """
    peak = log_uniform(peak_electrons[0] / DIMMER, peak_electrons[1] * BRIGHTER, rng)
    read_noise = rng.uniform(LEAST_READ_NOISE, min(READ_NOISE, LEAST_READ_NOISE + READ_NOISE_PER_PEAK * peak))
    stripes = min(STRIPE_NOISE, STRIPE_NOISE_PER_PEAK * peak) * rng.uniform(size=2) * (rng.uniform(size=2) < STRIPES)
    grain = read_noise * rng.uniform(*GRAIN) * (rng.uniform() < GRAINY)
    step = log_uniform(FINEST_COUNT, 2 * read_noise, rng)
    dark = float(np.sqrt(read_noise**2 + grain**2 + (stripes**2).sum())) / step
    first, second = (str(name) for name in rng.choice(list(SEEN), 2, replace=False, p=list(SEEN.values())))
    layers = ((first, 1.0), (second, rng.uniform(*WEIGHT))) if rng.uniform() < SECOND else ((first, 1.0),)
    blur = log_uniform(*BLUR_PX, rng)
    background = log_uniform(*BACKGROUND, rng)
    return Acquisition(
        peak_electrons=(peak, peak),
        cover=COVER,
        psf_sigma_px=(blur, blur),
        radius_px=RADIUS_PX,
        haze=HAZE,
        background=(background, background),
        offset=(OFFSET[0] + 5 * dark, OFFSET[1] + 5 * dark),
        electrons_per_count=(step, step),
        read_noise=(read_noise, read_noise),
        row_noise=float(stripes[0]),
        column_noise=float(stripes[1]),
        response=rng.uniform(0, RESPONSE),
        grain=grain,
        grain_px=rng.uniform(*GRAIN_PX),
        layers=layers,
    )
