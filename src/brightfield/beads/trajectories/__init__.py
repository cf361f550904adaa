"""What comes after positions: who is who from frame to frame, and the physics of beads that move freely or in optical traps.

Positions are in pixels until they are linked and in micrometres from then on; times in seconds, frequencies in Hz, forces in
piconewton (so a stiffness is in pN/um and an energy in pN um). Gaps are kept as gaps: every estimator here knows which frames
were seen, and says how it deals with those that were not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
NORMAL_95 = 1.959964  # standard errors to either side of a 95 % interval
WELL_KNOWN = 0.5  # a positive number's standard error, in shares of it, up to which its logarithm is taken to be normal

__all__ = ["NORMAL_95", "Estimate", "Real", "Sampling", "Track"]


@dataclass(frozen=True)
class Sampling:
    """When frames were taken.

    Attributes:
        frame_rate_hz: frames a second.
        exposure_s: how long the shutter is open in each frame; None: all the time.
    """

    frame_rate_hz: float
    exposure_s: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.frame_rate_hz) and self.frame_rate_hz > 0):
            raise ValueError(f"a frame rate is above 0 Hz, got {self.frame_rate_hz}")
        if not 0 <= self.open_s <= self.interval_s * (1 + 1e-9):
            raise ValueError(f"an exposure lies within a frame of {self.interval_s:g} s, got {self.exposure_s} s")

    @property
    def interval_s(self) -> float:
        """From one frame to the next."""
        return 1 / self.frame_rate_hz

    @property
    def open_s(self) -> float:
        """The exposure."""
        return self.interval_s if self.exposure_s is None else self.exposure_s

    @property
    def blur(self) -> float:
        """The motion blur coefficient R: a sixth of the share that is exposed (Berglund 2010, Phys. Rev. E 82, 011917)."""
        return self.open_s * self.frame_rate_hz / 6


@dataclass(frozen=True)
class Track:
    """One bead.

    Attributes:
        frames: (N,) whole numbers that grow; those that are not there are gaps.
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
            raise ValueError("a track has at least one frame, and its frames grow")
        if not np.isfinite(self.positions).all():
            raise ValueError("positions are finite; frames without one are left out")

    def __len__(self) -> int:
        """In how many frames it was seen."""
        return len(self.frames)

    @property
    def span(self) -> int:
        """Frames from the first to the last, with gaps."""
        return int(self.frames[-1] - self.frames[0]) + 1

    def filled(self) -> tuple[Real, npt.NDArray[np.bool_]]:
        """Positions (span, 2), 0 in gaps and about their mean elsewhere, and which frames were seen (span,)."""
        seen, filled = np.zeros(self.span, dtype=bool), np.zeros((self.span, 2))
        at = self.frames - self.frames[0]
        seen[at], filled[at] = True, self.positions - self.positions.mean(axis=0)
        return filled, seen


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % confidence interval; all nan where it cannot be told.

    Attributes:
        value: most likely.
        low: lower end.
        high: upper end; infinite where the data set none.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")

    @classmethod
    def positive(cls, value: float, error: float) -> Estimate:
        """A number that cannot be negative, with its standard error.

        Where it is well known (to half of itself) the interval is symmetric in its logarithm, else it begins at 0 at the lowest.
        """
        if not np.isfinite(error):
            return cls(value, 0.0, float("inf"))
        if 0 < error < WELL_KNOWN * value:
            factor = float(np.exp(NORMAL_95 * error / value))
            return cls(value, value / factor, value * factor)
        return cls(value, max(0.0, value - NORMAL_95 * error), value + NORMAL_95 * error)

    def map(self, function: Callable[[float], float]) -> Estimate:
        """The same of a function of the number; of one that falls, the ends change places."""
        value, *ends = (function(number) for number in (self.value, self.low, self.high))
        return Estimate(value, min(ends), max(ends))

    @classmethod
    def unknown(cls) -> Estimate:
        """Nothing can be told."""
        return cls(float("nan"))

    def holds(self, truth: float) -> bool:
        """Whether the interval covers a value."""
        return self.low <= truth <= self.high
