"""The honest best: the best settings of a search and the entry as it is, trained again where the search could not fit itself.

A search reports the largest of many values on one validation split, and the largest is partly luck (Cawley and Talbot 2010, JMLR
11, 2079). So the best few and the entry as it is are trained again with other seeds, on other choices of the groups for training
and validation (Nagler, Schneider, Bischl and Feurer 2024, arXiv:2405.15393), each with the whole budget. They race: who is worse
than the best so far on the groups of the splits that both have seen, by Wilcoxon's signed-rank test, is given up.

What is left is compared with the entry as it is, split by split, so that what a split does to all of them cancels. The intervals of
all differences hold together (the largest |t| of many comparisons with one standard, Dunnett 1955, JASA 50, 1096), since the
largest of several is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.metrics.declarations import Direction

BLOCKS = 3  # splits, each with a seed of its own
MOST = 5  # settings that are trained again
GIVEN_UP_BELOW = 0.1  # p value of Wilcoxon's test
FEWEST = (
    2  # splits until a setting is given up: after one it may be the seed, and nothing would tell how much seeds change
)
DRAWS = 100_000  # of the largest |t|
SEED = 0


@dataclass(frozen=True)
class Gain:
    """How much better a setting is than the entry as it is.

    Attributes:
        name: of the setting.
        value: the mean difference of the objective.
        low, high: bounds that hold for all settings together; nan where there are too few trainings.
        trainings: of the setting.
    """

    name: str
    value: float
    low: float
    high: float
    trainings: int

    def is_better(self, direction: Direction) -> bool:
        """Whether the whole interval says so."""
        return self.low > 0 if direction == "maximize" else self.high < 0


def gains(scores: pd.DataFrame, standard: str, confidence: float) -> list[Gain]:
    """The gain of each setting over a standard, from scores on common splits.

    A score is the sum of what the setting and what the split is worth, and of noise with one deviation for all: the usual model of
    a randomised block design, by least squares, which allows for trainings that a race left out.

    Args:
        scores: a row a setting, a column a split; nan where a setting was not trained.
        standard: the row of the entry as it is.
        confidence: that all intervals hold together.
    """
    names = [str(name) for name in scores.index if name != standard]
    known = scores.notna().to_numpy()
    rows, columns = np.nonzero(known)
    settings = np.eye(len(scores))[rows]
    splits = np.eye(scores.shape[1])[columns][:, 1:]
    design = np.hstack([settings, splits])
    observed = scores.to_numpy(dtype=np.float64)[rows, columns]
    inverse = np.linalg.pinv(design.T @ design)
    worth = inverse @ design.T @ observed
    free = len(observed) - int(np.linalg.matrix_rank(design))
    contrasts = np.zeros((len(names), design.shape[1]))
    places = {str(name): i for i, name in enumerate(scores.index)}
    for i, name in enumerate(names):
        contrasts[i, places[name]], contrasts[i, places[standard]] = 1, -1
    values = contrasts @ worth
    covariance = contrasts @ inverse @ contrasts.T
    reach = np.full(len(names), np.nan)
    if free > 0 and names:
        deviation = math.sqrt(max(0.0, float(((observed - design @ worth) ** 2).sum())) / free)
        errors = np.sqrt(np.diag(covariance))
        reach = _largest_t(covariance, free, confidence) * deviation * errors
    return [
        Gain(name, float(value), float(value - each), float(value + each), int(known[places[name]].sum()))
        for name, value, each in zip(names, values, reach, strict=True)
    ]


def _largest_t(covariance: npt.NDArray[np.float64], free: int, confidence: float) -> float:
    """The bound of the largest |t| of several differences with this covariance, in units of the noise's variance; by simulation."""
    rng = np.random.default_rng(SEED)
    errors = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(errors, errors)
    drawn = rng.multivariate_normal(np.zeros(len(errors)), correlation, DRAWS, method="eigh")
    drawn /= np.sqrt(rng.chisquare(free, DRAWS) / free)[:, None]
    return float(np.quantile(np.abs(drawn).max(axis=1), confidence))


@dataclass(frozen=True)
class Confirmed:
    """What training again found.

    Attributes:
        metric, direction: the objective.
        standard: mean of the entry as it is.
        best: name of the setting with the best mean, of those that were not given up; None without any.
        value: its mean.
        gains: of all settings.
        promised: gain of the best in the search: its value there, less that of the entry as it is.
        better: whether it is better than the entry as it is.
        trainings: number of them.
    """

    metric: str
    direction: Direction
    standard: float
    best: str | None
    value: float
    gains: Sequence[Gain]
    promised: float
    better: bool
    trainings: int

    @property
    def gain(self) -> Gain | None:
        """Of the best."""
        return next((gain for gain in self.gains if gain.name == self.best), None)

    @property
    def flattered(self) -> float:
        """By how much the search promised more than there is; above 0 where it flattered itself."""
        gain = self.gain
        found = math.nan if gain is None else gain.value
        return (self.promised - found) * (1 if self.direction == "maximize" else -1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "flattered": self.flattered}


def judge(
    scores: pd.DataFrame,
    standard: str,
    searched: Mapping[str, float],
    metric: str,
    direction: Direction,
    confidence: float,
) -> Confirmed:
    """What training again says of the settings of a search.

    Args:
        scores: a row a setting, a column a split; nan where a setting was given up before.
        standard: the row of the entry as it is.
        searched: what each of them reached in the search.
        metric, direction: of the objective.
        confidence: that the intervals of all gains hold together.
    """
    found = gains(scores, standard, confidence) if standard in scores.index else []  # else it came to nothing itself
    whole = {gain.name: gain for gain in found if gain.trainings == scores.shape[1]}
    sign = 1 if direction == "maximize" else -1
    best = max(whole, key=lambda name: sign * whole[name].value, default=None)
    means = dict(zip(map(str, scores.index), scores.mean(axis=1).to_numpy(dtype=np.float64), strict=True))
    return Confirmed(
        metric,
        direction,
        float(means.get(standard, math.nan)),
        best,
        math.nan if best is None else float(means[best]),
        found,
        math.nan if best is None else searched[best] - searched.get(standard, math.nan),
        best is not None and whole[best].is_better(direction),
        int(scores.notna().sum().sum()),
    )
