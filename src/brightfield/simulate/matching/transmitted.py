"""Frames in transmitted light, for the simulators ``beads`` and ``bacteria``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from brightfield.params import BacteriaSimulation, BeadsSimulation
from brightfield.simulate.matching import camera
from brightfield.simulate.matching.fitting import SearchDimension, Values
from brightfield.simulate.matching.reference import (
    MEASURED,
    Reference,
    Section,
    around,
    between,
    camera_section,
    in_words,
)

PIXEL_FACTOR = 4.0  # the pixel size is fitted from the simulation's own divided by this factor to it times this factor


class _Transmitted:
    """Transmitted light: the camera and the light of the background are measured; the pixel size is fitted if it is unknown."""

    colour: ClassVar[bool] = False

    def __init__(self, base: BeadsSimulation | BacteriaSimulation, reference: Reference) -> None:
        self.base, self.reference = base, reference
        self.camera = camera.estimate(reference.frames)
        background = np.array([np.median(frame) for frame in reference.frames])  # most of a frame is empty
        self.electrons = np.maximum((background - self.camera.offset) * self.camera.electrons_per_count, 1.0)

    def measured(self) -> str:
        """Camera and light, in words."""
        low, high = between(self.electrons)
        return f"{in_words(self.camera)}; {low:g} to {high:g} electrons in a pixel of the background"

    def _pixel_dimension(self) -> dict[str, SearchDimension]:
        own = self.base.pixel_size_um
        return (
            {}
            if self.reference.pixel_size_um
            else {"pixel_size_um": SearchDimension(own / PIXEL_FACTOR, own * PIXEL_FACTOR)}
        )

    def _pixel(self, values: Values) -> float:
        return round(self.reference.pixel_size_um or values["pixel_size_um"], 4)

    def _light(self) -> Section:
        return {**camera_section(self.camera), "electrons": between(self.electrons, MEASURED)}


class BeadsMatcher(_Transmitted):
    """Beads: size, contrast, defocus and number are fitted."""

    few: ClassVar[Section] = {"movies": 8, "frames_per_movie": 1}

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """The ranges of the fit: lengths in um."""
        return {
            "radius_um": SearchDimension(0.3, 1.4),
            "contrast": SearchDimension(0.15, 1.0),
            "defocus_um": SearchDimension(0.3, 8.0),
            "max_beads": SearchDimension(1.0, 12.0),
            **self._pixel_dimension(),
        }

    def section(self, values: Values) -> Section:
        """Pixel size, number of beads, and appearance."""
        searched = {name: around(values[name]) for name in ("radius_um", "contrast", "defocus_um")}
        return {
            "pixel_size_um": self._pixel(values),
            "max_beads": round(values["max_beads"]),
            "appearance": {**self._light(), **searched},
        }


class BacteriaMatcher(_Transmitted):
    """Bacteria: the cover of each species, the focus, and whether it is phase contrast, are fitted."""

    few: ClassVar[Section] = {"images": 4, "size_px": 96, "fluorescence": False}

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """The ranges of the fit: cover as a share of the area, focus in um; phase contrast above one half."""
        return {
            "myxococcus": SearchDimension(0.01, 0.5),
            "e_coli": SearchDimension(0.01, 0.4),
            "focus_um": SearchDimension(0.02, 1.5),
            "phase": SearchDimension(0.0, 1.0, log=False),
            **self._pixel_dimension(),
        }

    def section(self, values: Values) -> Section:
        """Pixel size, phase contrast or not, and appearance."""
        searched = {name: around(values[name]) for name in ("myxococcus", "e_coli", "focus_um")}
        return {
            "pixel_size_um": self._pixel(values),
            "phase_fraction": float(round(values["phase"])),
            "appearance": {**self._light(), **searched},
        }
