"""Crops of stained smears, for the simulator ``rbc``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from brightfield import images, simulate
from brightfield.params import RbcSimulation
from brightfield.simulate.matching import camera, statistics
from brightfield.simulate.matching.fitting import SearchDimension, Values
from brightfield.simulate.matching.reference import (
    MEASURED,
    SMOOTHING_PX,
    Frame,
    Reference,
    Section,
    around,
    between,
    in_words,
    short,
)

PROBE_STAIN = 0.1  # absorption per um of the simulated cells that calibrate stain against colour
CELL = 0.3  # smallest absorption of a pixel of a cell, as a share of the largest
FEWEST_RED = 1e-3  # smallest share of pure red pixels in crops with a drawn contour
WHOLE_COUNTS_8 = 255  # largest value of an 8-bit camera


class RbcMatcher:
    """Stained smears: light, stain and noise are measured; focus, texture, neighbours and pixel size are fitted."""

    few: ClassVar[Section] = {"smears": 10, "crops_per_smear": 3}
    colour: ClassVar[bool] = True

    def __init__(self, base: RbcSimulation, reference: Reference) -> None:
        self.base, self.reference = base, reference
        crops = [_eight_bits(frame) for frame in reference.frames]
        self.contour = float(np.mean([statistics.contour_share(crop) for crop in crops])) > FEWEST_RED
        clean = [statistics.without_contour(crop) for crop in crops]
        self.camera = camera.estimate([np.rint(crop[..., 1]) for crop in clean], offset=0.0)
        self.whites, self.absorbed = (np.array(part) for part in zip(*map(_white_and_absorbed, clean), strict=True))

    @cached_property
    def stain_of_absorbed(self) -> float:
        """The stain with a median absorption of 1, from cells simulated with a known stain."""
        appearance = {
            "stain": [[PROBE_STAIN] * 2] * 3,
            "white": [[0.8, 0.8]] * 3,
            "texture": [0, 0],
            "electrons": [1e5] * 2,
        }
        content = self.base.model_dump() | self.few | {"suites": (), "appearance": {**appearance, "contour": False}}
        cells = [r.image.astype(np.float64) for r in simulate.simulate(RbcSimulation.model_validate(content))]
        return PROBE_STAIN / float(np.median([_white_and_absorbed(cell)[1].mean() for cell in cells]))

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """The ranges of the fit: focus in um, relative texture, probability of neighbours; pixel size in um if it is unknown."""
        found = {
            "focus_um": SearchDimension(0.05, 2.0),
            "texture": SearchDimension(1e-3, 0.1),
            "neighbours": SearchDimension(0.05, 0.95, log=False),
        }
        if self.reference.pixel_size_um is None:
            found["pixel_size_um"] = SearchDimension(self.base.pixel_size_um / 2, self.base.pixel_size_um * 2)
        return found

    def section(self, values: Values) -> Section:
        """Pixel size, light, stain and camera, and the fitted keys."""
        pixel = self.reference.pixel_size_um or values["pixel_size_um"]
        stain = self.absorbed * self.stain_of_absorbed
        share = values["neighbours"]
        return {
            "pixel_size_um": short(pixel),
            "appearance": {
                "white": [between(self.whites[:, c] / WHOLE_COUNTS_8) for c in range(3)],
                "stain": [[short(v) for v in np.percentile(stain[:, c], (25, 75))] for c in range(3)],
                "texture": around(values["texture"]),
                "electrons": around(WHOLE_COUNTS_8 * self.camera.electrons_per_count, MEASURED),
                "read_noise": around(self.camera.read_noise, MEASURED),
                "focus_um": around(values["focus_um"]),
                "neighbours": [short(max(share - 0.1, 0)), short(min(share + 0.1, 1))],
                "contour": self.contour,
            },
        }

    def measured(self) -> str:
        """Camera, white and stain, in words."""
        white = ", ".join(f"{v:.3g}" for v in np.median(self.whites, axis=0) / WHOLE_COUNTS_8)
        stain = ", ".join(f"{v:.3g}" for v in np.median(self.absorbed, axis=0) * self.stain_of_absorbed)
        return f"{in_words(self.camera)}; white {white}; stain {stain} per um"


def _eight_bits(frame: Frame) -> npt.NDArray[np.uint8]:
    """Convert a frame to 8-bit RGB like the simulator's; grey becomes three equal channels."""
    colour = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)
    if colour.dtype == np.uint8:
        return colour
    return np.rint(WHOLE_COUNTS_8 * np.clip(images.to_float(colour), 0, 1)).astype(np.uint8)


def _white_and_absorbed(crop: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Counts of the empty background, (3,), and the median absorption of the pixels of cells, (3,)."""
    smooth = gaussian_filter(crop, (SMOOTHING_PX, SMOOTHING_PX, 0))
    bright = np.maximum(np.percentile(smooth, 90, axis=(0, 1)), 1)
    darkness = -np.log(np.clip(smooth / bright, 1e-3, None)).sum(axis=2)
    cell = darkness > CELL * np.percentile(darkness, 99)
    # the halo of a defocused cell is brighter than the background, so the median and not the maximum
    white = np.maximum(np.median(smooth[~cell], axis=0), 1)
    absorbed = -np.log(np.clip(smooth[cell] / white, 1e-3, None))
    return white, np.maximum(np.median(absorbed, axis=0), 0)
