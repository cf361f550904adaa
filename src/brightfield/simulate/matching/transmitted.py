"""Frames of what lies in transmitted light, grey on a bright ground: simulators ``beads`` and ``bacteria``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from brightfield.params import BacteriaSimulation, BeadsSimulation
from brightfield.simulate.matching import camera
from brightfield.simulate.matching.fitting import SearchDimension, Values
from brightfield.simulate.matching.reference import SURE, Reference, Section, around, between, camera_section, in_words

PIXEL_FACTOR = 4.0  # how far from the simulation's own a pixel's size is searched for, either way


class _Transmitted:
    """The camera and the light of the ground are measured, and the pixel's size is searched for where nobody gave it."""

    colour: ClassVar[bool] = False

    def __init__(self, base: BeadsSimulation | BacteriaSimulation, reference: Reference) -> None:
        self.base, self.reference = base, reference
        self.camera = camera.estimate(reference.frames)
        ground = np.array([np.median(frame) for frame in reference.frames])  # most of a frame is empty
        self.electrons = np.maximum((ground - self.camera.offset) * self.camera.electrons_per_count, 1.0)

    def measured(self) -> str:
        """Camera and light."""
        low, high = between(self.electrons)
        return f"{in_words(self.camera)}; {low:g} to {high:g} electrons in a pixel of the ground"

    def _pixel_knob(self) -> dict[str, SearchDimension]:
        own = self.base.pixel_size_um
        return (
            {}
            if self.reference.pixel_size_um
            else {"pixel_size_um": SearchDimension(own / PIXEL_FACTOR, own * PIXEL_FACTOR)}
        )

    def _pixel(self, values: Values) -> float:
        return round(self.reference.pixel_size_um or values["pixel_size_um"], 4)

    def _light(self) -> Section:
        return {**camera_section(self.camera), "electrons": between(self.electrons, SURE)}


class BeadsMatcher(_Transmitted):
    """Beads: size, contrast, defocus and how many there are, are searched for."""

    few: ClassVar[Section] = {"movies": 8, "frames_per_movie": 1}

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """Lengths in um."""
        return {
            "radius_um": SearchDimension(0.3, 1.4),
            "contrast": SearchDimension(0.15, 1.0),
            "defocus_um": SearchDimension(0.3, 8.0),
            "max_beads": SearchDimension(1.0, 12.0),
            **self._pixel_knob(),
        }

    def section(self, values: Values) -> Section:
        """The pixel's size, how many beads, and what the frames look like."""
        searched = {name: around(values[name]) for name in ("radius_um", "contrast", "defocus_um")}
        return {
            "pixel_size_um": self._pixel(values),
            "max_beads": round(values["max_beads"]),
            "appearance": {**self._light(), **searched},
        }


class BacteriaMatcher(_Transmitted):
    """Bacteria: how densely each species lies, the focus, and whether it is phase contrast, are searched for."""

    few: ClassVar[Section] = {"images": 4, "size_px": 96, "fluorescence": False}

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """Covers as a share of the area, focus in um; phase contrast above one half."""
        return {
            "myxococcus": SearchDimension(0.01, 0.5),
            "e_coli": SearchDimension(0.01, 0.4),
            "focus_um": SearchDimension(0.02, 1.5),
            "phase": SearchDimension(0.0, 1.0, log=False),
            **self._pixel_knob(),
        }

    def section(self, values: Values) -> Section:
        """The pixel's size, the kind of light, and what the frames look like."""
        searched = {name: around(values[name]) for name in ("myxococcus", "e_coli", "focus_um")}
        return {
            "pixel_size_um": self._pixel(values),
            "phase_fraction": float(round(values["phase"])),
            "appearance": {**self._light(), **searched},
        }
