"""Models and ensembles of a task beside each other: the difference in every metric, and whether it is more than chance.

Only tables are read (``images.csv`` of the reports), so a comparison takes seconds, and nothing is answered again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pandas as pd

from brightfield import layout, params, tasks
from brightfield.data.splitting import GATE, SPLITS
from brightfield.errors import BrightfieldError
from brightfield.evaluation import bootstrap, permutation
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import KIND
from brightfield.metrics import Columns, Real, Weights, every_image_once, of_one, paired_tests
from brightfield.metrics.declarations import declared
from brightfield.tasks import Task

SIGNIFICANT = 0.05  # p values below this are called more than chance
POWER = 0.8  # chance with which as many groups as are asked for would show a difference of this size
EXCHANGE = "exchange of groups"
SAME = ("group", "truth", "n_true", "cells")  # columns that are of the images, not of the answers
# a leaderboard exchanges groups so often that the smallest p, times the number of pairs, is half of what is significant
EXCHANGES_A_PAIR = 40


@dataclass(frozen=True)
class Compared:
    """One metric of two models on the same images of one split, or of one kind of its images.

    Attributes:
        a, b: names of the models.
        part: the split, or the kind of images.
        difference: b minus a, with interval.
        test: name of the test.
        p: its p value, nan where there is too little to tell.
        p_corrected: the same, corrected for how many tests are shown together (Holm).
        tests: how many they are.
        least_p: the smallest p that the test could have had: few groups can be exchanged in few ways.
    """

    a: str
    b: str
    part: str
    difference: Difference
    test: str
    p: float
    p_corrected: float
    tests: int = 1
    least_p: float = 0.0

    @property
    def can_decide(self) -> bool:
        """Whether any difference, however large, could have been called more than chance."""
        return math.isfinite(self.p) and self.least_p * self.tests < SIGNIFICANT

    @property
    def probability(self) -> float:
        """The share of resamples of the groups in which b is better.

        nan of a metric that has no better, and of one that rises in resamples (:class:`brightfield.metrics.declarations.Metric`).
        Of the calibration error of 300 crops, one model calibrated and the other's logits 1.3 times too large, the other comes out
        worse in 73% of simulated tests, but in 61% of their resamples; of logits 1.6 times too large, in 92% and 79%.
        """
        metric = declared(self.difference.metric)
        if metric.direction is None or metric.rises_in_resamples:
            return float("nan")
        return self.difference.probability(metric.direction)

    @property
    def is_decided(self) -> bool:
        """Whether the difference is more than chance explains."""
        return self.p_corrected < SIGNIFICANT

    def better(self) -> str | None:
        """The name of the one that is better on these images, by chance or not; None of equal ones."""
        direction, value = declared(self.difference.metric).direction, self.difference.value
        if direction is None or not value or math.isnan(value):
            return None
        return self.b if (value > 0) == (direction == "maximize") else self.a

    def more_groups(self, confidence: float) -> int | None:
        """How many more groups like these would show a difference of this size, with a chance of ``POWER``.

        The standard error falls with the root of the number of groups. None where nothing is known of it, or the models are equal.
        """
        low, high, value = self.difference.low, self.difference.high, self.difference.value
        if not (math.isfinite(high - low) and high > low and value):
            return None
        from scipy import stats

        at_level = float(stats.norm.ppf((1 + confidence) / 2))
        error = (high - low) / (2 * at_level)
        needed = self.difference.groups * ((at_level + float(stats.norm.ppf(POWER))) * error / abs(value)) ** 2
        return max(0, math.ceil(needed) - self.difference.groups)


def compare(models: Sequence[Scored], split: str, settings: params.Params) -> list[Compared]:
    """Every metric of the second, third ... model minus that of the first.

    The objective of the task is what is asked: its p values are corrected for the number of models. Those of the other metrics are
    corrected for their number as well, because among many one is always small.

    Raises:
        BrightfieldError: fewer than two models, or they cannot be compared.
    """
    task = _common_task(models, settings)
    (first, rows), *others = [(model.name, model.of(split)) for model in models]
    found = [
        each
        for name, theirs in others
        for each in _pair(task, (first, name), (rows, theirs), split, task.scoring.pooled, settings.evaluation)
    ]
    objective = task.objective_of(rows).metric
    return [
        each
        for is_objective in (True, False)
        for each in _corrected([one for one in found if (one.difference.metric == objective) == is_objective])
    ]


def differences(
    models: tuple[Scored, Scored], part: str, metrics: Sequence[str], settings: params.Params
) -> dict[str, Difference]:
    """The second model minus the first in some metrics alone, of one split or suite; without the p values of :func:`compare`.

    A metric that either model lacks is left out.

    Raises:
        BrightfieldError: they cannot be compared.
    """
    scoring = _common_task(models, settings).scoring
    a, b = (model.of(part) for model in models)
    known = scoring.summarise(a).keys() & scoring.summarise(b).keys()
    asked = [metric for metric in metrics if metric in known]
    return _differences(
        (models[0].name, models[1].name),
        (a, b),
        lambda columns, weights: {metric: scoring.pooled_for(metric, columns, weights) for metric in asked},
        settings.evaluation,
    )


def suites_of(scored: Scored) -> list[str]:
    """The shift suites that a model has answered, in the order of its report."""
    return [str(split) for split in scored.table["split"].unique() if split not in (*SPLITS, GATE)]


def compare_suites(models: Sequence[Scored], settings: params.Params) -> list[Compared]:
    """The task's objective of each shift suite; nothing where there are no suites."""
    task = _common_task(models, settings)
    first, *others = models
    suites = suites_of(first)
    found = []
    for model in others:
        for suite in suites:
            tables = [each.of(suite) for each in (first, model)]
            pooled = _objective_alone(task, task.objective_of(tables[0]).metric)
            found += _pair(task, (first.name, model.name), tables, suite, pooled, settings.evaluation)
    return _corrected(found)


def compare_kinds(models: Sequence[Scored], split: str, settings: params.Params) -> list[Compared]:
    """The metrics of a subset (answered correctly; PSNR and the rest) of each kind of images; nothing where there are no kinds."""
    task = _common_task(models, settings)
    (first, rows), *others = [(model.name, model.of(split)) for model in models]
    if KIND not in rows:
        return []
    found = []
    for name, theirs in others:
        for kind in sorted(rows[KIND].dropna().unique()):
            of_kind = (rows[KIND] == kind).to_numpy()
            parts = [
                table[of_kind].drop(columns=KIND, errors="ignore").reset_index(drop=True) for table in (rows, theirs)
            ]
            found += _pair(task, (first, name), parts, str(kind), task.scoring.pooled_subset, settings.evaluation)
    return _corrected(found)


def leaderboard(models: Sequence[Scored], split: str, settings: params.Params) -> list[Compared]:
    """The objective of each model minus that of the best one, the best first.

    The best is chosen on the same images, so every pair of models counts as a test: the p values are corrected for all pairs.

    Raises:
        BrightfieldError: they cannot be compared.
    """
    task = _common_task(models, settings)
    tables = {model.name: model.of(split) for model in models}
    objective = task.objective_of(next(iter(tables.values())))
    pooled = _objective_alone(task, objective.metric)
    names = list(combinations(tables, 2))
    exchanges = max(settings.evaluation.bootstrap, EXCHANGES_A_PAIR * len(names))
    pairs = {
        (a, b): _pair(task, (a, b), (tables[a], tables[b]), split, pooled, settings.evaluation, exchanges)[0]
        for a, b in names
    }
    values = {name: of_one(pooled(table, every_image_once(table)))[objective.metric] for name, table in tables.items()}
    order = sorted(values, key=lambda name: objective.rank(values[name]), reverse=True)
    corrected = paired_tests.holm({pair: each.p for pair, each in pairs.items()})
    board = []
    for name in order[1:]:
        pair = (order[0], name)
        known = pair if pair in pairs else pair[::-1]
        found = replace(pairs[known], p_corrected=corrected[known], tests=len(pairs))
        board.append(found if known == pair else _turned(found))
    return board


def roles_of_task(name: str, settings: params.Params) -> dict[str, str]:
    """The role of each model and ensemble that was scored on the dataset of a task, by name.

    Raises:
        BrightfieldError: there is no such task, or fewer than two were scored.
    """
    dataset = params.entry(settings.tasks, name, "task").dataset
    found = {
        model: "baseline" if entry.is_baseline else "member"
        for model, entry in settings.models.items()
        if (entry.task, entry.dataset) == (name, dataset)
    }
    found |= {
        model: "ensemble"
        for model, entry in settings.ensembles.items()
        if (entry.task, entry.dataset) == (name, dataset)
    }
    scored = {model: role for model, role in found.items() if (layout.report(model) / layout.IMAGE_SCORES).is_file()}
    if len(scored) < 2:
        raise BrightfieldError(
            f"A leaderboard needs two scored models at least: of the {len(found)} of {name!r}, {len(scored)} were scored. "
            "Run `dvc repro`."
        )
    return scored


def _objective_alone(task: Task[Any, Any], metric: str) -> Callable[[Columns, Weights], dict[str, Real]]:
    return lambda columns, weights: {metric: task.scoring.pooled_for(metric, columns, weights)}


def _common_task(models: Sequence[Scored], settings: params.Params) -> Task[Any, Any]:
    """The task of models that answered the same test data.

    Raises:
        BrightfieldError: their tasks or data differ.
    """
    if len(models) < 2:
        raise BrightfieldError(f"A comparison needs two different models at least, got {len(models)}.")
    first = models[0]
    for model in models[1:]:
        if model.task != first.task:
            raise BrightfieldError(
                f"{first.name} answers {first.task} and {model.name} {model.task}: only models of one task can be compared."
            )
        if model.data_hash != first.data_hash:
            raise BrightfieldError(
                f"{first.name} and {model.name} were scored on different data (version {_short(first.data_hash)} and "
                f"{_short(model.data_hash)} of a dataset), so a difference would say nothing of the models. Evaluate both on the "
                "same version: point their entries to one dataset and run `dvc repro`."
            )
    entry = settings.tasks[first.task]
    return tasks.build(entry.kind, entry.settings)


def _short(data_hash: str | None) -> str:
    return "unknown" if data_hash is None else data_hash[:8]


def _pair(
    task: Task[Any, Any],
    names: tuple[str, str],
    tables: Sequence[pd.DataFrame],
    part: str,
    pooled: Callable[[Columns, Weights], dict[str, Real]],
    settings: params.Evaluation,
    exchanges: int | None = None,
) -> list[Compared]:
    """The metrics of ``pooled`` that have a better and a worse, tested; not corrected."""
    (a, b), groups, most = tables, list(tables[0]["group"]), exchanges or settings.bootstrap
    found = _differences(names, (a, b), pooled, settings)
    asked = [metric for metric in found if declared(metric).direction is not None]
    tested = {metric: task.scoring.paired_test(metric, a, b, groups) for metric in asked}
    left = [metric for metric, test in tested.items() if test is None]
    exchanged = permutation.p_values(a, b, groups, pooled, left, permutations=most, seed=settings.seed)
    least = permutation.least_p(len(set(groups)), most)
    return [
        Compared(
            *names,
            part,
            found[metric],
            *(test or (EXCHANGE, exchanged[metric])),
            math.nan,
            1,
            0.0 if test else least,
        )
        for metric, test in tested.items()
    ]


def _differences(
    names: tuple[str, str],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    pooled: Callable[[Columns, Weights], dict[str, Real]],
    settings: params.Evaluation,
) -> dict[str, Difference]:
    a, b = tables
    bootstrap.same_images(a, b)
    _check_truth(names, a, b)
    return bootstrap.paired_differences(
        a, b, list(a["group"]), pooled, resamples=settings.bootstrap, confidence=settings.confidence, seed=settings.seed
    )


def _check_truth(names: tuple[str, str], a: pd.DataFrame, b: pd.DataFrame) -> None:
    for column in SAME:
        if column in a and column in b and not a[column].equals(b[column]):
            raise BrightfieldError(
                f"{names[0]} and {names[1]} were scored on the same images, but their reports differ in what is true of them "
                f"(column {column}). Run `dvc repro`."
            )


def _corrected(found: Sequence[Compared]) -> list[Compared]:
    corrected = paired_tests.holm({i: each.p for i, each in enumerate(found)})
    return [replace(each, p_corrected=corrected[i], tests=len(found)) for i, each in enumerate(found)]


def _turned(compared: Compared) -> Compared:
    """The same with a and b exchanged."""
    d = compared.difference
    turned = Difference(d.metric, d.b, d.a, -d.value, -d.high, -d.low, d.resamples, d.groups, 1 - d.above, d.error)
    return replace(compared, a=compared.b, b=compared.a, difference=turned)
