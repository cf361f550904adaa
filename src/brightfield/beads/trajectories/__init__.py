"""Linking of positions into trajectories, and the physics of beads that move freely or in optical traps.

Positions are in pixels until they are linked and in micrometres from then on; times in seconds, frequencies in Hz, forces in
piconewton (so a stiffness is in pN/um and an energy in pN um). Gaps in a trajectory are not filled: every estimator uses the
frames that were seen, and documents how it treats the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
NORMAL_95 = 1.959964  # half the width of a 95 % interval, in standard errors
WELL_KNOWN = 0.5  # largest relative standard error of a positive number whose logarithm counts as normal

__all__ = ["NORMAL_95", "Estimate", "Real", "Sampling", "Track"]


@dataclass(frozen=True)
class Sampling:
    """Frame rate and exposure.

    Attributes:
        frame_rate_hz: frames per second.
        exposure_s: time for which the shutter is open in each frame; None: the whole frame.
    """

    frame_rate_hz: float
    exposure_s: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.frame_rate_hz) and self.frame_rate_hz > 0):
            raise ValueError(f"the frame rate is {self.frame_rate_hz} Hz: expected a number above 0")
        if not 0 <= self.open_s <= self.interval_s * (1 + 1e-9):
            raise ValueError(
                f"the exposure is {self.exposure_s} s: expected 0 to {self.interval_s:g} s, the time of a frame"
            )

    @property
    def interval_s(self) -> float:
        """Time from one frame to the next."""
        return 1 / self.frame_rate_hz

    @property
    def open_s(self) -> float:
        """Time for which the shutter is open in each frame."""
        return self.interval_s if self.exposure_s is None else self.exposure_s

    @property
    def blur(self) -> float:
        """The motion blur coefficient R, a sixth of the exposed share of a frame (Berglund 2010, Phys. Rev. E 82, 011917)."""
        return self.open_s * self.frame_rate_hz / 6


@dataclass(frozen=True)
class Track:
    """The trajectory of one bead.

    Attributes:
        frames: (N,) frame numbers in ascending order; missing numbers are gaps.
        positions: (N, 2) x and y in um.
    """

    frames: npt.NDArray[np.int64]
    positions: Real

    def __post_init__(self) -> None:
        if self.frames.ndim != 1 or self.positions.shape != (len(self.frames), 2):
            raise ValueError(
                f"expected (N,) frames and (N, 2) positions, got {self.frames.shape}, {self.positions.shape}"
            )
        if len(self.frames) == 0 or (np.diff(self.frames) < 1).any():
            raise ValueError("expected at least one frame, in strictly ascending order, in a track")
        if not np.isfinite(self.positions).all():
            raise ValueError("expected finite positions; leave out frames without one")

    def __len__(self) -> int:
        """Number of frames in which the bead was seen."""
        return len(self.frames)

    @property
    def span(self) -> int:
        """Number of frames from the first to the last, gaps included."""
        return int(self.frames[-1] - self.frames[0]) + 1

    def filled(self) -> tuple[Real, npt.NDArray[np.bool_]]:
        """Positions (span, 2) about their mean, 0 in gaps, and a mask (span,) of the frames seen."""
        seen, filled = np.zeros(self.span, dtype=bool), np.zeros((self.span, 2))
        at = self.frames - self.frames[0]
        seen[at], filled[at] = True, self.positions - self.positions.mean(axis=0)
        return filled, seen


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % confidence interval; all nan where it cannot be estimated.

    Attributes:
        value: the most likely value.
        low: lower end of the interval.
        high: upper end of the interval; infinite where the data set none.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")

    @classmethod
    def positive(cls, value: float, error: float) -> Estimate:
        """Make the estimate of a number that cannot be negative from its standard error.

        Up to a relative error of a half the interval is symmetric in the logarithm; else it is symmetric and cut off at 0.
        """
        if not np.isfinite(error):
            return cls(value, 0.0, float("inf"))
        if 0 < error < WELL_KNOWN * value:
            factor = float(np.exp(NORMAL_95 * error / value))
            return cls(value, value / factor, value * factor)
        return cls(value, max(0.0, value - NORMAL_95 * error), value + NORMAL_95 * error)

    def map(self, function: Callable[[float], float]) -> Estimate:
        """The estimate of a monotonic function of the number; a falling function swaps the ends of the interval."""
        value, *ends = (function(number) for number in (self.value, self.low, self.high))
        return Estimate(value, min(ends), max(ends))

    @classmethod
    def unknown(cls) -> Estimate:
        """An estimate of nan, for what cannot be estimated."""
        return cls(float("nan"))

    def contains(self, truth: float) -> bool:
        """Whether the interval contains a value."""
        return self.low <= truth <= self.high
