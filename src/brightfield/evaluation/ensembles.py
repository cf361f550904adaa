"""Ensembles of models: members and weights are chosen on the validation split, and scored on the test split.

Validation has also chosen epoch, temperature and threshold of each member, and a way of combining that has more to choose looks
better there than it is. So ways are compared by cross-fitting: weights chosen on some groups are scored on the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import params
from brightfield.evaluation import bootstrap, diversity, scoring
from brightfield.evaluation.scoring import Split
from brightfield.inference.predictor import weighted_mean
from brightfield.metrics import Real, every_image_once
from brightfield.tasks import Task

Outputs = Mapping[str, Iterable[npt.NDArray[np.float32]]]  # model -> its activated outputs, one per image
Weights = dict[str, float]  # model -> its weight; weights sum to 1

FOLDS = 5  # of cross-fitting, whole groups each
BAGS = 10  # selections of which bagged selection is the mean
SEED = 0


@dataclass(frozen=True)
class Choice:
    """The chosen combination of members.

    Attributes:
        method: of ``METHODS``.
        weights: weight of each member that takes part.
        validation: of each method, the objective on groups of the validation split that had no part in its choice.
    """

    method: str
    weights: Weights
    validation: dict[str, float]


def choose(task: Task[Any, Any], validation: Split, outputs: Outputs, settings: params.Ensemble) -> Choice:
    """Choose the weights by the method of the entry, or by the one that is better, cross-fitted, than all simpler ones."""
    objective = ObjectiveOfMixtures(task, validation, outputs)
    values = {name: cross_fitted(objective, method, settings.max_members) for name, method in METHODS.items()}
    chosen: str = settings.method
    if chosen == BEST:
        chosen = SINGLE
        for name in METHODS:
            if objective.declared.better(values[name], values[chosen]):
                chosen = name
    return Choice(chosen, METHODS[chosen](objective, settings.max_members, None), values)


def single(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """The best member alone: an ensemble that is no better is not worth its time."""
    del most
    values = {name: objective({name: 1.0}, counts) for name in objective.outputs}
    return {max(values, key=lambda name: objective.declared.rank(values[name])): 1.0}


def soft_vote(objective: ObjectiveOfMixtures, most: int, counts: Real | None = None) -> Weights:
    """Give every model the same weight."""
    del most, counts
    return equal(objective.outputs)


def equal(names: Iterable[str]) -> Weights:
    """The same weight for each."""
    known = list(names)
    return {name: 1 / len(known) for name in known}


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
        values = {name: objective(_shares([*picks, name]), counts) for name in objective.outputs}
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
    totals = dict.fromkeys(objective.outputs, 0.0)
    for _ in range(BAGS):
        drawn = np.bincount(rng.choice(there, len(there)), minlength=groups)[number].astype(np.float64)
        for name, weight in greedy(objective, most, drawn if counts is None else drawn * counts).items():
            totals[name] += weight
    return {name: weight / BAGS for name, weight in totals.items() if weight}


Method = Callable[["ObjectiveOfMixtures", int, "Real | None"], Weights]
METHODS: Mapping[str, Method] = {"single": single, "soft_vote": soft_vote, "greedy": greedy, "bagged": bagged}
SINGLE, BEST = "single", "best_on_validation"


def cross_fitted(objective: ObjectiveOfMixtures, method: Method, most: int) -> float:
    """The objective of images whose groups had no part in the choice of the weights by which they are answered.

    With one group only there is nothing to leave out, and the objective is that of the split on which the weights were chosen.
    """
    folds = min(FOLDS, objective.groups)
    if folds < 2:
        return objective(method(objective, most, None))
    order = np.random.default_rng(SEED).permutation(objective.groups)
    fold = (np.argsort(order) % folds)[objective.group_numbers]
    weights = [method(objective, most, (fold != i).astype(np.float64)) for i in range(folds)]
    parts = [objective.table(chosen)[fold == i] for i, chosen in enumerate(weights)]
    return objective.pooled(pd.concat(parts))


def compare(
    task: Task[Any, Any],
    test: Split,
    outputs: Outputs,
    choice: Choice,
    ensemble: pd.DataFrame,
    baselines: Sequence[str],
    settings: params.Evaluation,
) -> dict[str, Any]:
    """Compare the ensemble on the test split with each member, each baseline and each method of combining.

    Args:
        ensemble: the scored answers of the ensemble itself, see :func:`brightfield.evaluation.scoring.score`.

    Returns:
        ``metric``, ``direction`` and ``rows``: name, role (member, baseline or method), value (of the objective), and gain,
        gain_low and gain_high: the ensemble's value minus this one, paired by image. ``pairs``: how alike the members err, see
        :func:`brightfield.evaluation.diversity.pairs`. ``without``: the ensemble's value without each member that has a part in
        it. ``warns``: the rank correlation of the members' disagreement with the ensemble's error on each image, None for a
        single member.
    """
    members = [name for name in outputs if name not in baselines]
    ways = [(name, "baseline" if name in baselines else "member", {name: 1.0}) for name in outputs]
    ways.append(("soft_vote", "method", equal(members)))
    ways.append((choice.method, "method", choice.weights))
    rows, tables = [], {}
    for name, role, weights in {name: (name, role, weights) for name, role, weights in ways}.values():
        itself = weights == choice.weights
        table = ensemble if itself else scoring.objective_table(task, test, mix(outputs, weights))
        gain = scoring.difference(task, table, ensemble, settings)
        bounds = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        rows.append({"name": name, "role": role, "value": gain.a, **bounds})
        tables[name] = table
    objective = task.objective_on(test.truth)

    def score(weights: Weights) -> float:
        table = scoring.objective_table(task, test, mix(outputs, weights))
        return float(task.scoring.pooled_for(objective.metric, table, every_image_once(table))[0])

    alone = len(choice.weights) < 2
    errors = task.scoring.errors(objective.metric, ensemble)
    return {
        "metric": objective.metric,
        "direction": objective.direction,
        "rows": rows,
        "pairs": diversity.pairs(task, objective.metric, {name: tables[name] for name in members}),
        "without": diversity.without_each(score, choice.weights),
        "warns": None if alone else diversity.warns(diversity.disagreement(outputs, choice.weights), errors),
    }


class ObjectiveOfMixtures:
    """The task's objective for weighted means of outputs; each mixture is decoded once, and may be scored on any of its images.

    Attributes:
        outputs: of each model.
        groups: number of groups in the split.
        group_numbers: the group of each image, from 0, (images,).
    """

    def __init__(self, task: Task[Any, Any], split: Split, outputs: Outputs) -> None:
        self.task, self.split, self.outputs = task, split, outputs
        self.declared = task.objective_on(split.truth)
        self.group_numbers = bootstrap.numbered(split.groups, len(split.truth))
        self.groups = int(self.group_numbers.max(initial=-1)) + 1
        self._known: dict[tuple[tuple[str, float], ...], pd.DataFrame] = {}

    def __call__(self, weights: Weights, counts: Real | None = None) -> float:
        """The objective for these weights, of the images of the split as often as they count; once each without ``counts``."""
        return self.pooled(self.table(weights), counts)

    def table(self, weights: Weights) -> pd.DataFrame:
        """The statistics for the objective: a row an image."""
        mixture = tuple((name, weights[name]) for name in self.outputs if name in weights)
        if mixture not in self._known:
            answers = scoring.decoded(self.task, mix(self.outputs, dict(mixture)), self.split.encoded)
            rows = [
                self.task.scoring.statistics_for(self.declared.metric, answer, true)
                for answer, true in zip(answers, self.split.truth, strict=True)
            ]
            self._known[mixture] = pd.DataFrame(rows)
        return self._known[mixture]

    def pooled(self, table: pd.DataFrame, counts: Real | None = None) -> float:
        """The objective of a table."""
        weights = np.ones((1, len(table))) if counts is None else counts[None]
        return float(self.task.scoring.pooled_for(self.declared.metric, table, weights)[0])


def mix(outputs: Outputs, weights: Weights) -> Iterator[npt.NDArray[np.float32]]:
    """The weighted mean of the activated outputs, image by image."""
    return weighted_mean([outputs[name] for name in weights], list(weights.values()))


def _shares(picks: Sequence[str]) -> Weights:
    return {name: count / len(picks) for name, count in Counter(picks).items()}
