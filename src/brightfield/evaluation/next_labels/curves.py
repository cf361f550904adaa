"""What labels are worth on a lab's own data: scores of growing parts of what is labelled, chosen and at random.

The images of the training split that were not taken yet stand for unlabelled ones. Both ways begin with the same images at random,
and end with all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.evaluation.next_labels.choosing import choose, standardised
from brightfield.evaluation.next_labels.learners import Learner, Learnt
from brightfield.metrics.declarations import declared
from brightfield.system import progress

CHOSEN, RANDOM = "chosen", "random"
COLUMNS = ("repeat", "way", "labels", "score")
FIRST, LEAST = 8, 8  # the first size is such a part of all images, and so many at least
APART = 1.5  # least ratio of the last two sizes: from fewer further labels no slope is seen
CONFIDENCE = 0.95

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What a curve says.

    Attributes:
        metric: the objective.
        gain, low, high: of choosing over random choice, positive where it is better, mean over the sizes between the first and the
            last; with its interval over repeats, nan for a single one.
        labels: number of images that are labelled.
        further: number of further labels.
        buys, buys_low, buys_high: what these would buy, if the score goes on with the logarithm of the number of labels as it
            did from the last size but one to all; positive is better.
    """

    metric: str
    gain: float
    low: float
    high: float
    labels: int
    further: int
    buys: float
    buys_low: float
    buys_high: float

    @property
    def beats_random(self) -> bool | None:
        """Whether choosing is better than random choice; None where that is open."""
        return True if self.low > 0 else False if self.high < 0 else None

    def __str__(self) -> str:
        metric, decimals = declared(self.metric), declared(self.metric).decimals

        def said(value: float, low: float, high: float) -> str:
            bounds = "" if math.isnan(low) else f" ({low:+.{decimals}f} to {high:+.{decimals}f})"
            return f"{value:+.{decimals}f}{bounds}"

        gain = said(self.gain, self.low, self.high)
        better = "; + is better" if metric.direction == "minimize" else ""
        if self.beats_random:
            first = (
                f"On these images choosing beats random choice: {metric} {gain} with the same number of labels{better}."
            )
        elif self.beats_random is None:
            first = (
                f"On these images choosing is not shown to beat random choice: {metric} {gain}{better}. Either will do."
            )
        else:
            first = f"On these images choosing is worse than random choice: {metric} {gain}{better}. Label at random."
        buys = said(self.buys, self.buys_low, self.buys_high)
        return (
            f"{first}\nThe next {self.further} labels at random, after {self.labels}, would buy about {buys} {metric}."
        )


def sizes_of(count: int) -> list[int]:
    """Numbers of labels at which both ways are compared: each twice the one before, and in the end all of them."""
    size = max(LEAST, count // FIRST)
    found = []
    while APART * size <= count:
        found.append(size)
        size *= 2
    return [*found, count]


def measure(learner: Learner, features: Real, sizes: Sequence[int], repeats: int) -> pd.DataFrame:
    """The scores of both ways, with columns ``COLUMNS``.

    Args:
        learner: its candidates are the images of the training split, in their order.
        features: (N, F) of these.
        sizes: as :func:`sizes_of` gives them.
        repeats: each begins with other images.
    """
    known, everything = standardised(features, features), np.arange(len(features))
    rows: list[tuple[int, str, int, float]] = []
    with progress.bar(repeats * 2 * (len(sizes) - 1), "what labels are worth", "learnt") as shown:

        def learn(repeat: int, taken: npt.NDArray[np.intp], *ways: str) -> Learnt:
            found = learner.learn([int(place) for place in taken], repeat)
            rows.extend((repeat, way, len(taken), found.score) for way in ways)
            shown.update()
            return found

        for repeat in range(repeats):
            rng = np.random.default_rng(repeat)
            order = rng.permutation(everything)
            chosen = order[: sizes[0]]
            learnt = learn(repeat, chosen, CHOSEN, RANDOM)
            for size in sizes[1:-1]:
                left = np.setdiff1d(everything, chosen)
                picked = choose(learnt.apart[left], known[left], known[chosen], size - len(chosen))
                chosen = np.concatenate([chosen, left[picked]])
                learnt = learn(repeat, chosen, CHOSEN)
                learn(repeat, order[:size], RANDOM)
            if len(sizes) > 1:
                learn(repeat, everything, CHOSEN, RANDOM)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judge(curve: pd.DataFrame, metric: str, further: int) -> Verdict:
    """What a curve says, see :class:`Verdict`.

    Args:
        curve: columns ``COLUMNS``.
        metric: the objective.
        further: number of labels whose worth is asked for.
    """
    sign = 1 if declared(metric).direction == "maximize" else -1
    sizes = sorted(set(curve["labels"]))

    def scores(way: str, size: int) -> Real:
        rows = curve[(curve["way"] == way) & (curve["labels"] == size)].sort_values("repeat")
        return np.asarray(sign * rows["score"], dtype=np.float64)

    gains = slopes = np.full(1, np.nan)
    if sizes[1:-1]:
        gains = np.mean([scores(CHOSEN, size) - scores(RANDOM, size) for size in sizes[1:-1]], axis=0)
    if len(sizes) > 1:
        slopes = (scores(RANDOM, sizes[-1]) - scores(RANDOM, sizes[-2])) / math.log2(sizes[-1] / sizes[-2])
    buys = slopes * math.log2((sizes[-1] + further) / sizes[-1])
    return Verdict(metric, *_interval(gains), sizes[-1], further, *_interval(buys))


def _interval(values: Real) -> tuple[float, float, float]:
    """The mean and its interval by Student's t; without one for fewer than two values."""
    mean = float(values.mean())
    if len(values) < 2 or not np.isfinite(values).all():
        return mean, math.nan, math.nan
    from scipy import stats

    reach = (
        float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    )
    return mean, mean - reach, mean + reach
