"""Conditions under which dim cells are taken: of one lab, of a test suite, or those of an appearance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from brightfield.params import DenoiseAppearance, Suite
from brightfield.simulate.optics import PIXEL_RESPONSE

Range = tuple[float, float]

NUCLEUS_RADIUS_PX = (8.0, 30.0)
NUCLEUS_SPREAD = 1.15  # ratio of the largest radius in a field to the typical one, and of that to the smallest
# range of a field's typical radius, log-uniform
NUCLEUS_TYPICAL_PX = (NUCLEUS_RADIUS_PX[0] * NUCLEUS_SPREAD, NUCLEUS_RADIUS_PX[1] / NUCLEUS_SPREAD)
COVER = (0.08, 0.45)  # share of the field that is covered, before cells overlap
PSF_SIGMA_PX = (1.0, 2.0)
HAZE = (0.05, 0.35)  # light from out of focus, relative to the light in focus
BACKGROUND = (0.01, 0.08)  # autofluorescence and stray light, relative to the peak
READ_NOISE = (1.0, 2.2)  # electrons, of an sCMOS or a good CCD
ROW_NOISE = 0.1  # electrons
ELECTRONS_PER_COUNT = (0.2, 0.5)
OFFSET = (90.0, 130.0)  # counts without light


@dataclass(frozen=True)
class Acquisition:
    """Ranges from which the conditions of each field are drawn, of one lab by default; a suite changes some of them."""

    peak_electrons: Range  # at the 99.5th percentile, log-uniform
    cover: Range = COVER
    psf_sigma_px: Range = PSF_SIGMA_PX
    radius_px: Range = NUCLEUS_TYPICAL_PX
    haze: Range = HAZE
    background: Range = BACKGROUND
    offset: Range = OFFSET
    electrons_per_count: Range = ELECTRONS_PER_COUNT
    read_noise: Range = READ_NOISE
    row_noise: float = ROW_NOISE
    response: float = PIXEL_RESPONSE
    column_noise: float = 0.0  # electrons
    grain: float = 0.0  # electrons
    grain_px: float = 1.0
    # structures that are seen, and the brightness of each at its 99.5th percentile; none: nuclei and rods alone
    layers: tuple[tuple[str, float], ...] = ()


# focus: more blur than in training; density: cells side by side; light: less than in training; camera: a noisy sensor with a fixed
# pattern
SUITES: dict[Suite, Callable[[Acquisition], Acquisition]] = {
    "focus": lambda usual: replace(usual, psf_sigma_px=(1.5 * usual.psf_sigma_px[1], 2.25 * usual.psf_sigma_px[1])),
    "density": lambda usual: replace(usual, cover=(0.6, 0.8)),
    "light": lambda usual: replace(
        usual, peak_electrons=(0.35 * usual.peak_electrons[0], 0.8 * usual.peak_electrons[0])
    ),
    "camera": lambda usual: replace(usual, read_noise=(4.0, 6.0), row_noise=1.5, response=0.03),
}


def matched_acquisition(how: Acquisition, own: DenoiseAppearance) -> Acquisition:
    """The conditions with the ranges that an appearance sets."""
    names = {
        "cover": own.cover,
        "psf_sigma_px": own.blur_px,
        "radius_px": own.radius_px,
        "haze": own.haze,
        "background": own.background,
        "offset": own.offset,
        "electrons_per_count": own.electrons_per_count,
        "read_noise": own.read_noise,
    }
    drawn: dict[str, Any] = {name: ends for name, ends in names.items() if ends is not None}
    return replace(how, **drawn)
