"""Scores of probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, classification, column, paired_tests
from brightfield.metrics.declarations import Metric
from brightfield.results import Label
from brightfield.results.layers import Layers
from brightfield.tasks.classification.answering import CLASS, score_of_other, threshold
from brightfield.tasks.guarantees import Guarantee
from brightfield.tasks.scoring import Scoring


class ClassificationScoring(Scoring[params.ClassificationSettings, Label]):
    """AUC and the rest of :mod:`brightfield.metrics.classification`."""

    index_columns: ClassVar[tuple[str, ...]] = (classification.TRUE_PROBABILITY,)
    calibration_metric: ClassVar[str | None] = "calibration_error"
    guarantees: ClassVar[Mapping[str, Guarantee]] = {
        CLASS: Guarantee(
            "images", "the true class is in the set", "column set", Metric("classes in a set", None, "", 2)
        )
    }

    def statistics(self, predicted: Label, truth: Label) -> dict[str, float]:
        """Probability and truth."""
        return classification.statistics(predicted, truth)

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """AUC and the rest of :mod:`brightfield.metrics.classification`."""
        return classification.pooled(columns, weights)

    def pooled_for(self, metric: str, columns: Columns, weights: Weights) -> Real:
        """AUC, the objective, without the other metrics."""
        return classification.auc(columns, weights) if metric == "auc" else super().pooled_for(metric, columns, weights)

    def informative_groups(self, columns: Columns, groups: Sequence[str]) -> int:
        """The groups with the rarer class: an AUC varies with the few that have it."""
        positive = column(columns, "truth") > 0.5
        names = np.asarray([str(group) for group in groups])
        return min(len(set(names[positive])), len(set(names[~positive])))

    def errors(self, metric: str, columns: Columns) -> Real:
        """The squared error of the probability: of one image there is no AUC."""
        del metric
        return np.asarray((column(columns, "probability") - column(columns, "truth")) ** 2)

    def nonconformity(self, predicted: Label, truth: Label) -> dict[str, Real]:
        """``class``: 1 minus the probability of the true class, and 0 where it is the answer, which is in every set.

        Sets of the least size that cover a share of all images (LAC: Sadinle, Lei and Wasserman, JASA 2019), but for the answer:
        where a model is better than is promised, some of theirs are empty.
        """
        return {CLASS: np.array([0.0 if predicted.positive == truth.positive else score_of_other(predicted)])}

    def sizes(self, guaranteed: Label) -> dict[str, float]:
        """The number of classes in the set."""
        return {} if guaranteed.class_set is None else {CLASS: float(len(guaranteed.class_set))}

    def correct(self, columns: Columns) -> npt.NDArray[np.float64]:
        """Whether the answer is the true class."""
        return classification.correct(columns)

    def paired_test(self, metric: str, a: Columns, b: Columns, groups: Sequence[str]) -> tuple[str, float] | None:
        """DeLong's test of two AUCs; McNemar's of two accuracies, where no two images are of one group."""
        if metric == "auc":
            first, second = (column(each, "probability") for each in (a, b))
            return "DeLong", paired_tests.delong(column(a, "truth"), first, second, groups)
        if metric == "accuracy" and len(set(groups)) == len(groups):
            return "McNemar", paired_tests.mcnemar(classification.correct(a), classification.correct(b))
        return None

    def confusions(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]]:
        """1 at the true class of an image and the one that was answered by the threshold."""
        return self.settings.classes, classification.confusions(columns)

    def layers(self, answer: Label, truth: Label) -> tuple[Layers, Layers]:
        """The class, and of the answer its probability."""
        names = self.settings.classes
        said = f"{names[int(answer.positive)]}, probability of {names[1]} {answer.probability:.3f}"
        return Layers(words=said), Layers(words=names[int(truth.positive)])

    def recalibrated(self, columns: Columns) -> Columns:
        """The answers after recalibration on a few labelled images of the same acquisition."""
        return classification.recalibrated(columns, threshold(self.settings), self.settings.share)

    def ceiling(self, columns: Columns) -> Columns | None:
        """The answers by the true probabilities, where a simulator wrote them; no model can be better on average."""
        return classification.ceiling(columns) if classification.TRUE_PROBABILITY in columns else None
