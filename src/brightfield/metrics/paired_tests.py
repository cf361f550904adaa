"""Whether two models that answered the same images differ by more than chance: p values, two-sided.

Images of one group (a smear, a movie) resemble each other, so groups are what chance draws. Each function returns nan where there
is too little to tell: fewer than two groups, one class only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from brightfield.metrics import Real

Name = TypeVar("Name")


def delong(truth: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, groups: Sequence[Any] | npt.NDArray[Any]) -> float:
    """The p value of the difference between two areas under the ROC curve, with images in groups.

    The test of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44, 837) with the variance of Obuchowski (1997, Biometrics 53,
    567) for groups, which is DeLong's where each image is a group of its own. It is compared with Student's distribution, because
    the normal one is for many groups; with a degree of freedom less than there are groups with the rarer class, which tell of it.

    Args:
        truth: 1 for a positive image, 0 for another, (N,).
        a, b: score of each image by the two models, (N,); more is more positive.
        groups: of each image, (N,).
    """
    from scipy import stats  # takes 0.4 s to import, and every stage imports this module

    score_a, score_b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not (np.isfinite(score_a).all() and np.isfinite(score_b).all()):
        return float("nan")
    positive = np.asarray(truth, dtype=np.float64) > 0.5
    _, number = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    count, m, n = int(number.max(initial=-1)) + 1, int(positive.sum()), int((~positive).sum())
    if count < 2 or not m or not n:
        return float("nan")
    of_positive, of_negative = (_components(score_b, positive)[i] - _components(score_a, positive)[i] for i in (0, 1))
    difference = float(of_positive.mean())
    sums = [
        np.bincount(number[of_class], values - difference, count)
        for of_class, values in ((positive, of_positive), (~positive, of_negative))
    ]
    with_class = [len(np.unique(number[of_class])) for of_class in (positive, ~positive)]
    if min(with_class) < 2:
        return float("nan")
    own = [k / (k - 1) * float(each @ each) / size**2 for k, each, size in zip(with_class, sums, (m, n), strict=True)]
    shared = count / (count - 1) * float(sums[0] @ sums[1]) / (m * n)
    variance = sum(own) + 2 * shared
    if variance <= 0:
        return 1.0 if difference == 0 else float("nan")
    return float(2 * stats.t.sf(abs(difference) / np.sqrt(variance), min(with_class) - 1))


def _components(score: Real, positive: npt.NDArray[np.bool_]) -> tuple[Real, Real]:
    """For each positive image the share of others that it stands above, and for each other the share of positive ones above it."""
    mine, others = score[positive], score[~positive]
    from scipy import stats

    ranks, of_mine, of_others = stats.rankdata(score), stats.rankdata(mine), stats.rankdata(others)
    above = (ranks[positive] - of_mine) / len(others)
    below = 1 - (ranks[~positive] - of_others) / len(mine)
    return above, below


def mcnemar(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """The p value of two shares of correct answers to the same independent images: the exact test of McNemar (1947).

    Args:
        a, b: 1 where each model was right and 0 where not, (N,).
    """
    from scipy import stats

    right_a, right_b = (np.asarray(each, np.float64) > 0.5 for each in (a, b))
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """P values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65): in the order that was given.

    Any of them is below 0.05 by chance at most once in twenty times. An undefined one stays so, and does not count.
    """
    defined = sorted((p, i) for i, p in enumerate(p_values.values()) if np.isfinite(p))
    corrected = list(p_values.values())
    highest = 0.0
    for rank, (p, i) in enumerate(defined):
        highest = max(highest, min(1.0, (len(defined) - rank) * p))
        corrected[i] = highest
    return dict(zip(p_values, corrected, strict=True))
