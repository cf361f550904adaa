"""A search for the numbers of a simulation that no frame tells directly: those whose images look most like the frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brightfield.system import progress

Values = Mapping[str, float]

EXPLORED = 0.5  # share of the trials drawn anywhere; the others lie near the best so far, nearer and nearer
STEPS = (0.2, 0.04)  # standard deviation of the first and the last of these, in shares of a knob's range


@dataclass(frozen=True)
class SearchDimension:
    """A number to be found between two ends; ``log``: in the logarithm."""

    low: float
    high: float
    log: bool = True

    def at(self, share: float) -> float:
        """The value at a share of the range, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return float(self.low + (self.high - self.low) * share)


def search(
    dimensions: Mapping[str, SearchDimension],
    objective: Callable[[Values], float],
    trials: int,
    seed: int,
    description: str,
) -> tuple[dict[str, float], float]:
    """Random search, first anywhere and then around the best (Rastrigin 1963): the values found and what they reach.

    Args:
        dimensions: what to turn; the middle of every range is tried first.
        objective: what to make small; the same values give the same number.
        trials: how many values are tried.
        seed: of the search.
        description: of the progress bar.
    """
    rng = np.random.default_rng(seed)
    explored = max(1, round(EXPLORED * trials)) if dimensions else 1
    best: npt.NDArray[np.float64] = np.full(len(dimensions), 0.5)
    least = np.inf
    for trial in progress.track(range(trials if dimensions else 1), description, unit="simulation"):
        if trial == 0:
            candidate = best
        elif trial < explored:
            candidate = rng.uniform(size=len(dimensions))
        else:
            late = (trial - explored) / max(trials - explored, 1)
            step = STEPS[0] * (STEPS[1] / STEPS[0]) ** late
            candidate = np.clip(best + step * rng.standard_normal(len(dimensions)), 0, 1)
        reached = objective(_values(dimensions, candidate))
        if reached < least:
            best, least = candidate, reached
    return _values(dimensions, best), float(least)


def _values(dimensions: Mapping[str, SearchDimension], shares: npt.NDArray[np.float64]) -> dict[str, float]:
    return {
        name: dimension.at(float(share)) for (name, dimension), share in zip(dimensions.items(), shares, strict=True)
    }
