"""The frames to match, the interface of the matcher of a simulator, and ranges in the form of ``params.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from brightfield.simulate.matching import camera
from brightfield.simulate.matching.fitting import SearchDimension, Values

Frame = npt.NDArray[Any]
Section = dict[str, Any]

MEASURED = 1.1  # factor from a measured value to the ends of its range
FITTED = 1.2  # the same for a value that was fitted
SPREAD = (5, 95)  # percentiles that are the range of a value that varies from frame to frame
SMOOTHING_PX = 1.5  # sigma of the smoothing before brightness is measured, which suppresses noise


@dataclass(frozen=True)
class Reference:
    """The frames to match: (H, W), or (H, W, 3) for colour, all of one type, and their pixel size if known."""

    frames: Sequence[Frame]
    pixel_size_um: float | None = None


class Matcher(Protocol):
    """Fits one simulator to a reference."""

    few: ClassVar[Section]  # keys that make a simulation small enough for a trial
    colour: ClassVar[bool]  # whether colour frames are used; else they are converted to grey

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """The ranges of the parameters to fit."""

    def section(self, values: Values) -> Section:
        """The keys of the simulation's section, ``appearance`` among them, for these values."""

    def measured(self) -> str:
        """The quantities measured on the frames, in words."""


def around(value: float, factor: float = FITTED) -> list[float]:
    """A range around a value, in the form of ``params.yaml``."""
    return [short(value / factor), short(value * factor)]


def between(values: npt.NDArray[np.float64], factor: float = 1.0) -> list[float]:
    """The range between the percentiles ``SPREAD`` of the values, extended by a factor."""
    low, high = np.percentile(values, SPREAD)
    return [short(low / factor), short(high * factor)]


def short(value: float) -> float:
    """A value rounded to four significant digits."""
    return float(f"{value:.4g}")


def camera_section(found: camera.CameraEstimate) -> Section:
    """The keys of a camera in a simulation's section."""
    margin = float(np.clip(found.offset_error, 0.5, 3.0))
    return {
        "electrons_per_count": around(found.electrons_per_count, 1.05),
        "offset": [short(max(found.offset - margin, 0)), short(found.offset + margin)],
        "read_noise": around(found.read_noise, MEASURED),
    }


def in_words(found: camera.CameraEstimate) -> str:
    """An estimated camera in words."""
    text = (
        f"camera: {found.electrons_per_count:.3g} electrons per count, offset {found.offset:.4g} +- {found.offset_error:.2g} "
        f"counts, read noise {found.read_noise:.3g} electrons"
    )
    return text if found.rises else text + " (the noise does not rise with the light: these frames were processed)"
