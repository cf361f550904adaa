"""The honest best: the best settings of a search and the entry as it is, trained again where the search could not fit itself.

A search reports the largest of many values on one validation split, and the largest is partly luck (Cawley and Talbot 2010, JMLR
11, 2079). So the best few and the entry as it is are trained again with other seeds, on other choices of the groups for training
and validation (Nagler, Schneider, Bischl and Feurer 2024, arXiv:2405.15393), each with the whole budget. They race: who is worse
than the best so far on the groups of the splits that both have seen, by Wilcoxon's signed-rank test, is given up.

What is left is compared with the entry as it is, split by split, so that what a split does to all of them cancels. The intervals of
all differences hold together (the largest |t| of many comparisons with one standard, Dunnett 1955, JASA 50, 1096), since the
largest of several is looked at.

Where that leaves it open, the best and the entry as it is are trained on one more split, and then on another one, as long as there
is time. Who looks again and again finds something sooner or later by chance; so each look spends a part of the error that all of
them may make together (Lan and DeMets 1983, Biometrika 70, 659), and the interval that is told holds whenever it is looked at
(Jennison and Turnbull 1989, JRSS B 51, 305).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.metrics.declarations import Direction

BLOCKS = 3  # splits, each with a seed of its own, on which all are trained again
MOST_BLOCKS = 8  # splits on which the best and the entry as it is are trained where it stays open
MOST = 5  # settings that are trained again
GIVEN_UP_BELOW = 0.1  # p value of Wilcoxon's test
# splits until a setting is given up: after one it may be the seed, and nothing would tell how much seeds change
FEWEST = 2
DRAWS = 50_000  # of the largest |t| at each look
SEED = 0
RANK = 1e-10  # of a singular value against the largest, below which it is nothing


@dataclass(frozen=True)
class Gain:
    """How much better a setting is than the entry as it is.

    Attributes:
        name: of the setting.
        value: the mean difference of the objective.
        low, high: bounds that hold for all settings and all looks together; nan where there are too few trainings.
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


def gains(scores: pd.DataFrame, standard: str, confidence: float, most: int = MOST_BLOCKS) -> list[Gain]:
    """The gain of each setting over a standard, from scores on common splits.

    A score is the sum of what the setting and what the split is worth, and of noise with one deviation for all: the usual model of
    a randomised block design, by least squares, which allows for trainings that a race left out.

    Args:
        scores: a row a setting, a column a split; nan from the split on on which a setting was not trained. Splits after the first
            ``BLOCKS`` were added one by one, with a look at what there was before each.
        standard: the row of the entry as it is.
        confidence: that all intervals hold together, at every look.
        most: splits at which all of the error is spent.
    """
    counts = {str(name): int(count) for name, count in scores.notna().sum(axis=1).items()}
    others = sorted((name for name in counts if name != standard), key=lambda name: -counts[name])
    if not others:
        return []
    names = [standard, *others]
    look = _Look.of([counts[name] for name in names], max(counts.values()))
    observed = scores.set_axis(list(map(str, scores.index))).loc[names].to_numpy(dtype=np.float64)[look.known]
    values = look.contrasts @ observed
    reach = np.full(len(others), np.nan)
    if look.free > 0:
        bound = _bound(tuple(counts[name] for name in names), confidence, most)
        reach = bound * look.deviation(observed) * look.errors
    found = {
        name: Gain(name, float(value), float(value - each), float(value + each), counts[name])
        for name, value, each in zip(others, values, reach, strict=True)
    }
    return [found[name] for name in counts if name != standard]


@dataclass(frozen=True)
class _Look:
    """What can be said after so many splits; the standard is the first of the settings.

    Attributes:
        known: which scores there are, (settings, splits); below, scores are in the order in which it names them.
        contrasts: (settings but the standard, scores), which gives their gains.
        errors: standard errors of the gains, in units of the noise.
        basis: (scores, rank) of all that the model explains, orthonormal.
        free: degrees of freedom.
    """

    known: npt.NDArray[np.bool_]
    contrasts: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    basis: npt.NDArray[np.float64]
    free: int

    @classmethod
    def of(cls, counts: Sequence[int], splits: int) -> _Look:
        """Of the first splits, where each setting was trained on so many of all."""
        known = np.arange(splits) < np.array(counts)[:, None]
        rows, columns = np.nonzero(known)
        design = np.hstack([np.eye(len(counts))[rows], np.eye(splits)[columns][:, 1:]])
        left, singular, _ = np.linalg.svd(design, full_matrices=False)
        basis = left[:, singular > RANK * singular[0]]
        differences = np.hstack([-np.ones((len(counts) - 1, 1)), np.eye(len(counts) - 1)])
        weights = np.hstack([differences, np.zeros((len(differences), splits - 1))])
        contrasts = weights @ np.linalg.pinv(design)
        errors = np.sqrt((contrasts**2).sum(axis=1))
        return cls(known, contrasts, errors, basis, len(rows) - basis.shape[1])

    def deviation(self, observed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Standard deviation of the noise, from (scores,) or of each column of (scores, draws)."""
        rest = (observed**2).sum(axis=0) - ((self.basis.T @ observed) ** 2).sum(axis=0)
        return np.asarray(np.sqrt(np.maximum(rest, 0) / self.free))


@lru_cache(maxsize=256)
def _bound(counts: tuple[int, ...], confidence: float, most: int) -> float:
    """The bound of the largest t of all differences at the last of several looks, by simulation on noise alone.

    Of the draws that no earlier look has found, it leaves out as many as this look may find: what the error by then, of all looks,
    is more than before it. The error grows with the number of splits as for bounds of one height (Lan and DeMets, alpha*2). It is
    half of what an interval may miss, since only what is better is looked at again.

    Args:
        counts: splits of the standard, and of the others, most first.
        confidence, most: see :func:`gains`.
    """
    splits = max(counts)
    looks = {number: _Look.of(counts, number) for number in range(min(BLOCKS, splits), splits + 1)}
    drawn = np.random.default_rng(SEED).standard_normal((len(counts), splits, DRAWS), dtype=np.float32)
    if len(looks) > 1:
        drawn[1:] = _best_goes_on(drawn, counts, looks[BLOCKS])
    unfound = np.ones(DRAWS, dtype=bool)
    spent, bound = 0, math.inf
    for number, look in looks.items():
        if look.free <= 0:
            continue
        scores = drawn[:, :number][look.known].astype(np.float64)
        largest = (look.contrasts @ scores / look.errors[:, None]).max(axis=0) / look.deviation(scores)
        share = min(1.0, number / most)
        error = round((1 - confidence) / 2 * math.log(1 + (math.e - 1) * share) * DRAWS)
        left = np.sort(np.where(unfound, largest, -math.inf))
        bound = float(left[spent - error - 1]) if error > spent else math.inf
        spent = error
        unfound &= largest <= bound
    return bound


def _best_goes_on(drawn: npt.NDArray[np.float32], counts: Sequence[int], first: _Look) -> npt.NDArray[np.float32]:
    """The settings of draws such that those with the most splits are the best at the first look: they had some luck then."""
    able = sum(count >= BLOCKS for count in counts[1:])  # the others were given up before
    values = (first.contrasts @ drawn[:, :BLOCKS][first.known])[:able]
    found = drawn[1:].copy()
    found[:able] = np.take_along_axis(found[:able], np.argsort(-values, axis=0)[:, None, :], axis=0)
    return found


@dataclass(frozen=True)
class Confirmed:
    """What training again found.

    Attributes:
        metric, direction: the objective.
        standard: mean of the entry as it is, over the splits of the best; without one over all of its own.
        best: name of the setting with the largest gain, of those that were not given up; None without any.
        value: its mean.
        splits: on which the best was trained; 0 without one.
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
    splits: int
    gains: Sequence[Gain]
    promised: float
    better: bool
    trainings: int

    @property
    def is_open(self) -> bool:
        """Whether further splits may show that the best is better: it is so far, though chance could explain it."""
        gain = self.gain
        if gain is None or self.better or self.splits >= MOST_BLOCKS:
            return False
        return gain.value > 0 if self.direction == "maximize" else gain.value < 0

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
        return {**asdict(self), "flattered": self.flattered, "is_open": self.is_open}


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
    whole = {gain.name: gain for gain in found if gain.trainings >= min(BLOCKS, scores.shape[1])}
    sign = 1 if direction == "maximize" else -1
    best = max(whole, key=lambda name: sign * whole[name].value, default=None)
    rows = {str(name): row.to_numpy(dtype=np.float64) for name, row in scores.iterrows()}
    splits = scores.shape[1] if best is None else whole[best].trainings
    means = {name: float(np.nanmean(row[:splits])) for name, row in rows.items()}
    return Confirmed(
        metric,
        direction,
        means.get(standard, math.nan),
        best,
        math.nan if best is None else means[best],
        0 if best is None else splits,
        found,
        math.nan if best is None else searched[best] - searched.get(standard, math.nan),
        best is not None and whole[best].is_better(direction),
        int(scores.notna().sum().sum()),
    )
