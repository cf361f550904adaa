"""What is matched, what the search asks of a simulator, and ranges as ``params.yaml`` has them."""

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

SURE = 1.1  # relative half-width of a range around what was measured,
FOUND = 1.2  # and around what was searched for
SPREAD = (5, 95)  # percentiles of what varies from frame to frame
SMOOTHING_PX = 1.5  # so that noise does not make a frame look brighter or darker than it is


@dataclass(frozen=True)
class Reference:
    """The frames to be matched: (H, W), or (H, W, 3) for colour, all of one type."""

    frames: Sequence[Frame]
    pixel_size_um: float | None = None


class Matcher(Protocol):
    """What the search asks of a simulator."""

    few: ClassVar[Section]  # sizes of a simulation that is made to be looked at
    colour: ClassVar[bool]  # whether it looks at colours; else frames are made grey

    def dimensions(self) -> Mapping[str, SearchDimension]:
        """What to search for."""

    def section(self, values: Values) -> Section:
        """The keys of the simulation's section, ``appearance`` among them, for these values."""

    def measured(self) -> str:
        """What the frames told directly, in words."""


def around(value: float, factor: float = FOUND) -> list[float]:
    """A range about a value, as ``params.yaml`` has it."""
    return [short(value / factor), short(value * factor)]


def between(values: npt.NDArray[np.float64], factor: float = 1.0) -> list[float]:
    """The range in which nearly all of the values lie, wider by a factor."""
    low, high = np.percentile(values, SPREAD)
    return [short(low / factor), short(high * factor)]


def short(value: float) -> float:
    """Four digits: more would look surer than it is."""
    return float(f"{value:.4g}")


def camera_section(found: camera.CameraEstimate) -> Section:
    """The keys of a camera."""
    margin = float(np.clip(found.offset_error, 0.5, 3.0))
    return {
        "electrons_per_count": around(found.electrons_per_count, 1.05),
        "offset": [short(max(found.offset - margin, 0)), short(found.offset + margin)],
        "read_noise": around(found.read_noise, SURE),
    }


def in_words(found: camera.CameraEstimate) -> str:
    """What is known of a camera."""
    text = (
        f"camera: {found.electrons_per_count:.3g} electrons a count, offset {found.offset:.4g} +- {found.offset_error:.2g} counts, "
        f"read noise {found.read_noise:.3g} electrons"
    )
    return text if found.rises else text + " (the noise does not rise with the light: these frames were processed)"
