"""Ensembles of models: members and weights are chosen on the validation split, and scored on the test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import params
from brightfield.evaluation import scoring
from brightfield.evaluation.scoring import Split
from brightfield.inference.predictor import weighted_mean
from brightfield.tasks import Task

Outputs = Mapping[str, Iterable[npt.NDArray[np.float32]]]  # model -> its activated outputs, one per image
Weights = dict[str, float]  # model -> its weight; weights sum to 1


@dataclass(frozen=True)
class Choice:
    """The chosen combination of members.

    Attributes:
        method: ``soft_vote`` or ``greedy``.
        weights: weight of each member that takes part.
        validation: the objective on the validation split for each method that was tried.
    """

    method: str
    weights: Weights
    validation: dict[str, float]


def choose(task: Task[Any, Any], validation: Split, outputs: Outputs, settings: params.Ensemble) -> Choice:
    """Choose the weights by the method of the entry, or by the method that is better on the validation split."""
    objective = ObjectiveOfMixtures(task, validation, outputs)
    candidates = {"soft_vote": soft_vote(outputs), "greedy": greedy(objective, settings.max_members)}
    values = {name: objective(weights) for name, weights in candidates.items()}
    method = settings.method
    if method == "best_on_validation":
        better = objective.declared.better(values["greedy"], values["soft_vote"])
        method = "greedy" if better else "soft_vote"
    return Choice(method, candidates[method], values)


def soft_vote(outputs: Outputs) -> Weights:
    """Give every model the same weight."""
    return {name: 1 / len(outputs) for name in outputs}


def greedy(objective: ObjectiveOfMixtures, most: int) -> Weights:
    """Select forward with replacement (Caruana et al. 2004, ICML): add the model that improves the objective most.

    The selection begins with the best single model and stops when no model improves the ensemble. The weight of a model is the
    share of the picks that chose it.
    """
    picks: list[str] = []
    best = float("nan")
    while len(picks) < most:
        values = {name: objective(_shares([*picks, name])) for name in objective.outputs}
        name = max(values, key=lambda n: objective.declared.rank(values[n]))
        if picks and not objective.declared.better(values[name], best):
            break
        picks.append(name)
        best = values[name]
    return _shares(picks)


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
        gain_low and gain_high: the ensemble's value minus this one, paired by image.
    """
    members = [name for name in outputs if name not in baselines]
    ways = [(name, "baseline" if name in baselines else "member", {name: 1.0}) for name in outputs]
    ways.append(("soft_vote", "method", soft_vote({name: outputs[name] for name in members})))
    ways.append((choice.method, "method", choice.weights))
    rows = []
    for name, role, weights in {name: (name, role, weights) for name, role, weights in ways}.values():
        itself = weights == choice.weights
        table = ensemble if itself else scoring.objective_table(task, test, mix(outputs, weights))
        gain = scoring.difference(task, table, ensemble, settings)
        bounds = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        rows.append({"name": name, "role": role, "value": gain.a, **bounds})
    objective = task.objective_on(test.truth)
    return {"metric": objective.metric, "direction": objective.direction, "rows": rows}


class ObjectiveOfMixtures:
    """The task's objective for weighted means of outputs; each is decoded and scored once."""

    def __init__(self, task: Task[Any, Any], split: Split, outputs: Outputs) -> None:
        self.task, self.split, self.outputs = task, split, outputs
        self.declared = task.objective_on(split.truth)
        self._known: dict[tuple[tuple[str, float], ...], float] = {}

    def __call__(self, weights: Weights) -> float:
        """The objective for these weights."""
        mixture = tuple(weights.items())
        if mixture not in self._known:
            answers = scoring.decoded(self.task, mix(self.outputs, weights), self.split.encoded)
            self._known[mixture] = self.task.scoring.score_in(self.declared.metric, answers, self.split.truth)
        return self._known[mixture]


def mix(outputs: Outputs, weights: Weights) -> Iterator[npt.NDArray[np.float32]]:
    """The weighted mean of the activated outputs, image by image."""
    return weighted_mean([outputs[name] for name in weights], list(weights.values()))


def _shares(picks: Sequence[str]) -> Weights:
    return {name: count / len(picks) for name, count in Counter(picks).items()}
