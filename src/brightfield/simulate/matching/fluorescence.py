"""Frames of fluorescent cells, for the simulator ``denoise``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from brightfield.params import DenoiseSimulation
from brightfield.simulate.matching import camera
from brightfield.simulate.matching.fitting import SearchDimension, Values
from brightfield.simulate.matching.reference import (
    MEASURED,
    SMOOTHING_PX,
    Reference,
    Section,
    around,
    between,
    camera_section,
    in_words,
)

DARKEST = 2  # percentile of a frame that counts as its background


class DenoiseMatcher:
    """Fluorescence: camera and light are measured; blur, cell size, cover, haze and background are fitted."""

    few: ClassVar[Section] = {"images": 8}
    colour: ClassVar[bool] = False

    def __init__(self, base: DenoiseSimulation, reference: Reference) -> None:
        self.base, self.reference = base, reference
        self.camera = camera.estimate(reference.frames)
        smooth = [gaussian_filter(frame.astype(np.float64), SMOOTHING_PX) for frame in reference.frames]
        light = [(frame - self.camera.offset) * self.camera.electrons_per_count for frame in smooth]
        self.peaks = np.array([max(float(np.percentile(each, 99.5)), 0.5) for each in light])
        darks = np.array([max(float(np.percentile(each, DARKEST)), 0.0) for each in light])
        self.dark_share = float(np.clip(np.median(darks / self.peaks), 1e-3, 0.9))

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """The ranges of the fit: lengths in px, the others relative."""
        return {
            "blur_px": SearchDimension(0.6, 4.0),
            "radius_px": SearchDimension(5.0, 40.0),
            "cover": SearchDimension(0.03, 0.7),
            "haze": SearchDimension(0.02, 0.6),
            "background": SearchDimension(0.2 * self.dark_share, 1.2 * self.dark_share),
        }

    def section(self, values: Values) -> Section:
        """The keys of the camera and the light, and those that were fitted."""
        searched = {name: around(value) for name, value in values.items()}
        return {
            "peak_electrons": between(self.peaks, MEASURED),
            "appearance": {**camera_section(self.camera), **searched},
        }

    def measured(self) -> str:
        """Camera and light, in words."""
        low, high = between(self.peaks)
        return f"{in_words(self.camera)}; peaks of {low:g} to {high:g} electrons"
