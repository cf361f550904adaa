"""Methods of combining models: each chooses the weights of a mixture on the images that count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.evaluation.mixtures import ObjectiveOfMixtures, Weights
from brightfield.metrics import Real
from brightfield.tasks.answering import Way

FOLDS = 5  # of cross-fitting, whole groups each
BAGS = 10  # selections of which bagged selection is the mean
SEED = 0
AT_ONCE = 2**18  # values of each output whose products are taken at a time
LEAST = 0.005  # share of a member that stacking keeps: a smaller one costs time and changes nothing
RIDGE = 1e-6  # relative to the mean square of the outputs, which makes members that answer alike share a weight


def single(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """The best member alone: an ensemble that is no better is not worth its time."""
    del most
    values = {name: objective({name: 1.0}, counts) for name in objective.names}
    return {max(values, key=lambda name: objective.declared.rank(values[name])): 1.0}


def equally(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """Give every model the same weight."""
    del most, counts
    return equal(objective.names)


def equal(names: Iterable[str]) -> Weights:
    """The same weight for each."""
    known = list(names)
    return {name: 1 / len(known) for name in known}


def stacking(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """The weights with the least squared error of the outputs against those of a model that knew the truth.

    They are not negative (Breiman 1996, Machine Learning 24, 49, Stacked regressions), and scaled to sum to 1. Images count alike,
    whatever their size. Without a truth of outputs, all weights are the same.
    """
    from scipy.optimize import nnls

    del most
    of_images = products(objective)
    whole = np.tensordot(np.ones(len(of_images)) if counts is None else counts, of_images, axes=1)
    names = objective.names
    if not np.isfinite(whole).all() or not whole.any():
        return equal(names)
    gram, target = whole[:-1, :-1], whole[:-1, -1]
    root = np.linalg.cholesky(gram + RIDGE * np.trace(gram) / len(names) * np.eye(len(names)))
    found, _ = nnls(root.T, np.linalg.solve(root, target))
    shares = found / found.sum() if found.any() else np.full(len(names), 1 / len(names))
    kept = {name: float(share) for name, share in zip(names, shares, strict=True) if share >= LEAST}
    return {name: share / sum(kept.values()) for name, share in kept.items()}


def products(objective: ObjectiveOfMixtures) -> npt.NDArray[np.float64]:
    """Mean products of the models' outputs with each other, and in the last row and column with the true output.

    Returns:
        (images, models + 1, models + 1), each mean over pixels and channels where the truth is known; computed once.
    """
    if objective.products is None:
        objective.products = np.stack([_of_image(objective, i) for i in range(len(objective.split.truth))])
    return objective.products


def _of_image(objective: ObjectiveOfMixtures, i: int) -> npt.NDArray[np.float64]:
    names, split = objective.names, objective.split
    true = objective.task.answering.ideal(split.truth[i], split.encoded[i])
    if true is None:
        return np.zeros((len(names) + 1, len(names) + 1))
    alike = objective.task.answering.comparable([*(objective.votes.outputs[name][i] for name in names), true])
    total, known = np.zeros((len(names) + 1, len(names) + 1)), 0
    for first in range(0, alike[0].size, AT_ONCE):  # in double precision those of a camera image are large together
        both = np.stack([each.reshape(-1)[first : first + AT_ONCE] for each in alike]).astype(np.float64)
        both = both[:, np.isfinite(both).all(axis=0)]
        total += both @ both.T
        known += both.shape[1]
    return total / max(1, known)


def greedy(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """Select forward with replacement (Caruana et al. 2004, ICML): add the model that improves the objective most.

    The selection begins with the best single model and stops when no model improves the ensemble. The weight of a model is the
    share of the picks that chose it.

    Args:
        objective: of mixtures of the models.
        most: number of picks at most.
        counts: how often each image of the split counts; once each without.
    """
    picks: list[str] = []
    best = float("nan")
    while len(picks) < most:
        values = {name: objective(_shares([*picks, name]), counts) for name in objective.names}
        name = max(values, key=lambda n: objective.declared.rank(values[n]))
        if picks and not objective.declared.better(values[name], best):
            break
        picks.append(name)
        best = values[name]
    return _shares(picks)


def bagged(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """The mean of ``BAGS`` greedy selections, each on groups drawn with replacement (Caruana et al. 2006, ICDM, section 3)."""
    rng = np.random.default_rng(SEED)
    groups, number = objective.groups, objective.group_numbers
    there = np.unique(number if counts is None else number[counts > 0])
    totals = dict.fromkeys(objective.names, 0.0)
    for _ in range(BAGS):
        drawn = np.bincount(rng.choice(there, len(there)), minlength=groups)[number].astype(np.float64)
        for name, weight in greedy(objective, most, drawn if counts is None else drawn * counts).items():
            totals[name] += weight
    return {name: weight / BAGS for name, weight in totals.items() if weight}


@dataclass(frozen=True)
class Method:
    """A method of combining.

    Attributes:
        weights: chooses them: of an objective, the number of picks at most, and how often each image counts.
        way: how the outputs become one.
        least: number of models from which it differs from a simpler method.
    """

    weights: Callable[[ObjectiveOfMixtures, int, Real | None], Weights]
    way: Way = "mean"
    least: int = 2

    def suits(self, objective: ObjectiveOfMixtures) -> bool:
        """Whether there are enough models, which can vote where it counts votes."""
        able = self.way != "vote" or objective.votes.ballots is not None
        return able and len(objective.names) >= self.least


METHODS: Mapping[str, Method] = {  # the simpler first
    "single": Method(single, least=1),
    "soft_vote": Method(equally),
    "median": Method(equally, "median", least=3),
    "majority_vote": Method(equally, "vote", least=3),
    "stacking": Method(stacking),
    "greedy": Method(greedy),
    "bagged": Method(bagged),
}


def cross_fitted(objective: ObjectiveOfMixtures, method: Method, most: int) -> float:
    """The objective of images whose groups had no part in the choice of the weights by which they are answered.

    With one group only there is nothing to leave out, and the objective is that of the split on which the weights were chosen.
    """
    folds = min(FOLDS, objective.groups)
    if folds < 2:
        return objective(method.weights(objective, most, None), way=method.way)
    order = np.random.default_rng(SEED).permutation(objective.groups)
    fold = (np.argsort(order) % folds)[objective.group_numbers]
    parts = []
    for i in range(folds):
        chosen = method.weights(objective, most, (fold != i).astype(np.float64))
        if not objective.is_complete(chosen):
            return math.nan
        parts.append(objective.table(chosen, method.way, np.flatnonzero(fold == i)))
    return objective.pooled(pd.concat(parts))


def _shares(picks: Sequence[str]) -> Weights:
    return {name: count / len(picks) for name, count in Counter(picks).items()}
