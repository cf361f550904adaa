"""Ensembles of models: members and weights are chosen on the validation split, and scored on the test split.

Validation has also chosen epoch, temperature and threshold of each member, and a way of combining that has more to choose looks
better there than it is. So methods are compared by cross-fitting: weights chosen on some groups are scored on the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import diversity, scoring
from brightfield.evaluation.combining import METHODS, cross_fitted, equal
from brightfield.evaluation.mixtures import ObjectiveOfMixtures, Votes, Weights
from brightfield.evaluation.scoring import Split
from brightfield.metrics import every_image_once
from brightfield.tasks import Task
from brightfield.tasks.answering import Way

SINGLE, BEST, SOFT_VOTE, GIVEN = "single", "best_on_validation", "soft_vote", "given"
MEMBER, BASELINE, BESIDE, METHOD = "member", "baseline", "beside", "method"  # roles


@dataclass(frozen=True)
class Choice:
    """The chosen combination of members.

    Attributes:
        method: of ``METHODS``, or another name where the members' outputs are not what is combined.
        weights: weight of each member that takes part.
        validation: of each method, the objective on groups of the validation split that had no part in its choice.
        way: how the members' outputs become one; None: it is not their outputs that become one.
    """

    method: str
    weights: Weights
    validation: dict[str, float]
    way: Way | None = "mean"


def choose(task: Task[Any, Any], validation: Split, votes: Votes, settings: params.Ensemble) -> Choice:
    """Choose the weights by the method of the entry, or by the one that is better, cross-fitted, than all simpler ones.

    Raises:
        BrightfieldError: the method of the entry does not suit the task, or needs more members.
    """
    objective = ObjectiveOfMixtures(task, validation, votes)
    if settings.weights:
        return _given(objective, settings.weights)
    suiting = {name: method for name, method in METHODS.items() if method.suits(objective)}
    if settings.method not in (BEST, *suiting):
        raise BrightfieldError(
            f"method {settings.method!r} does not suit these {len(objective.names)} members: expected one of "
            f"{', '.join(suiting)}, or {BEST}. A median and votes need three; only answers that are classes can vote."
        )
    values = {name: cross_fitted(objective, method, settings.max_members) for name, method in suiting.items()}
    chosen: str = settings.method
    if chosen == BEST:
        chosen = SINGLE
        for name in suiting:
            if objective.declared.better(values[name], values[chosen]):
                chosen = name
    method = METHODS[chosen]
    weights = method.weights(objective, settings.max_members, None)
    if not objective.is_complete(weights) and settings.method != BEST:
        raise BrightfieldError(
            f"method {chosen!r} leaves out every member that answers all that is asked. Name another, or {BEST}."
        )
    if not objective.is_complete(weights):
        chosen, method = SINGLE, METHODS[SINGLE]
        weights = method.weights(objective, settings.max_members, None)
    return Choice(chosen, weights, values, "mean" if len(weights) == 1 else method.way)


def _given(objective: ObjectiveOfMixtures, weights: Mapping[str, float]) -> Choice:
    """The weights that somebody chose, scaled to sum to 1, beside the best member alone."""
    total = sum(weights.values())
    shares = {name: weights[name] / total for name in objective.names}
    single = cross_fitted(objective, METHODS[SINGLE], len(shares))
    return Choice(GIVEN, shares, {SINGLE: single, GIVEN: objective(shares)})


def compare(
    task: Task[Any, Any],
    test: Split,
    votes: Votes,
    choice: Choice,
    ensemble: pd.DataFrame,
    shown: Mapping[str, str],
    settings: params.Evaluation,
) -> dict[str, Any]:
    """Compare the ensemble on the test split with each member, each baseline and each method of combining.

    Args:
        votes: of the members, and of models that take no part.
        ensemble: the scored answers of the ensemble itself, see :func:`brightfield.evaluation.scoring.score`.
        shown: roles of the models that take no part, by name.

    Returns:
        ``metric``, ``direction`` and ``rows``: name, role (member, baseline, beside or method), value (of the objective), and gain,
        gain_low and gain_high: the ensemble's value minus this one, paired by image. ``pairs``: how alike the members err, see
        :func:`brightfield.evaluation.diversity.pairs`. ``without``: the ensemble's value without each member that has a part in
        it. ``warns``: the rank correlation of the members' disagreement with the ensemble's error on each image, None for a
        single member. ``calibration``, where answers have probabilities or deviations: its metric, of the best member and of the
        ensemble, with intervals.
    """
    members = [name for name in votes.outputs if name not in shown]
    combinations: list[tuple[str, str, Weights, Way | None]] = [
        (name, shown.get(name, MEMBER), {name: 1.0}, "mean") for name in votes.outputs
    ]
    methods: dict[str, tuple[Weights, Way | None]] = {SOFT_VOTE: (equal(members), "mean")}
    methods[choice.method] = (choice.weights, choice.way)
    combinations += [(name, METHOD, *how) for name, how in methods.items()]
    rows: list[dict[str, Any]] = []
    tables: dict[str, pd.DataFrame] = {}
    for name, role, weights, way in combinations:
        itself = (role, name) == (METHOD, choice.method) or (weights == choice.weights and way == choice.way)
        table = ensemble if itself else scoring.objective_table(task, test, votes.mixed(task, weights, way or "mean"))
        gain = scoring.difference(task, table, ensemble, settings)
        bounds = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        rows.append({"name": name, "role": role, "value": gain.a, **bounds})
        if role == MEMBER:
            tables[name] = table
    objective = task.objective_on(test.truth)
    of_members = {row["name"]: row["value"] for row in rows if row["role"] == MEMBER}
    best = max(of_members, key=lambda name: objective.rank(of_members[name]))

    def score(weights: Weights) -> float:
        table = scoring.objective_table(task, test, votes.mixed(task, weights, choice.way or "mean"))
        return float(task.scoring.pooled_for(objective.metric, table, every_image_once(table))[0])

    apart = None  # of a soup or a member alone nobody disagrees
    if choice.way is not None and len(choice.weights) > 1:
        apart = diversity.disagreement(task, votes.by(choice.way), choice.weights)
    errors = task.scoring.errors(objective.metric, ensemble)
    return {
        "metric": objective.metric,
        "direction": objective.direction,
        "rows": rows,
        "pairs": diversity.pairs(task, objective.metric, tables),
        "without": {} if apart is None else diversity.without_each(score, choice.weights),
        "warns": None if apart is None else diversity.warns(apart, errors),
        **_calibration(task, test, votes, best, ensemble, settings),
    }


def _calibration(
    task: Task[Any, Any], test: Split, votes: Votes, best: str, ensemble: pd.DataFrame, settings: params.Evaluation
) -> dict[str, Any]:
    metric = task.scoring.calibration_metric
    if metric is None:
        return {}
    own = votes.tasks.get(best, task)
    alone = scoring.score(own, test, votes.mixed(task, {best: 1.0})).table
    asked = {"before": (own, alone), "after": (task, ensemble)}
    if any(metric not in each.scoring.summarise(table) for each, table in asked.values()):
        return {}  # an image without deviations, for instance
    found = {name: scoring.interval(each, table, metric, settings) for name, (each, table) in asked.items()}
    return {"calibration": {"metric": metric, "best": best, **found}}
