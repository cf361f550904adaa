"""How good answers are: numbers of one image, then their summary over many, so that everything can be bootstrapped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, every_image_once, mean, of_one
from brightfield.metrics.declarations import declared
from brightfield.results import Result
from brightfield.results.layers import Layers
from brightfield.tasks.guarantees import Guarantee

Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)


class Scoring(ABC, Generic[Settings, Answer]):
    """Compares answers with the truth."""

    # columns of a dataset's index that stand beside the statistics, where it has them
    index_columns: ClassVar[tuple[str, ...]] = ()
    # likewise, and numbers against which the metrics of each image are shown (how crowded it is, how far off focus)
    conditions: ClassVar[tuple[str, ...]] = ()
    # the metric of how well the probabilities or deviations of answers are calibrated; None where answers have none
    calibration_metric: ClassVar[str | None] = None
    # what can be guaranteed of answers, by the names that :meth:`nonconformity` and :meth:`sizes` return
    guarantees: ClassVar[Mapping[str, Guarantee]] = {}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def statistics(self, predicted: Answer, truth: Answer) -> dict[str, float]:
        """Numbers of one image: a row of ``images.csv``."""

    @abstractmethod
    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Pooled metrics of many images, for each resample of them; nan where undefined. See :mod:`brightfield.metrics`."""

    def summarise(self, columns: Columns) -> dict[str, float]:
        """Pooled metrics of many images, each once."""
        return of_one(self.pooled(columns, every_image_once(columns)))

    def statistics_for(self, metric: str, predicted: Answer, truth: Answer) -> dict[str, float]:
        """Those numbers of one image from which :meth:`pooled_for` pools one metric; by default all."""
        del metric
        return self.statistics(predicted, truth)

    def pooled_for(self, metric: str, columns: Columns, weights: Weights) -> Real:
        """One metric of :meth:`pooled`, from all statistics or those for it; by default all metrics are pooled."""
        return self.pooled(columns, weights)[metric]

    def confusions(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]] | None:
        """Class names, and counts of each image, (n, n, images): axes truth, answer, image. None where there are no classes."""
        del columns
        return None

    def confusion(self, columns: Columns) -> tuple[list[str], npt.NDArray[np.int64]] | None:
        """Class names and the counts of all images, (n, n), rows the truth; None where there are no classes."""
        found = self.confusions(columns)
        return None if found is None else (found[0], found[1].sum(axis=2))

    def correct(self, columns: Columns) -> npt.NDArray[np.float64] | None:
        """1 for each image that was answered correctly and 0 for the others; None where an answer is neither."""
        del columns
        return None

    def layers(self, answer: Answer, truth: Answer) -> tuple[Layers, Layers]:
        """What a viewer lays over the image, of the answer and of the truth; nothing by default."""
        del answer, truth
        return Layers(), Layers()

    def residuals(self, predicted: Answer, truth: Answer) -> npt.NDArray[np.float64]:
        """How far the places of an answer are from the true ones; for tasks whose kind ``locates_objects``.

        Returns:
            (K, 6), a row for each place that is matched: x and y of the truth, x and y of the answer minus these, and the standard
            errors of x and y that the answer states, nan where it states none; all in pixels. By default none.
        """
        del predicted, truth
        return np.empty((0, 6))

    def paired_test(self, metric: str, a: Columns, b: Columns, groups: Sequence[str]) -> tuple[str, float] | None:
        """The test made for a metric of two models that answered the same images: its name and p value.

        None where there is none; the answers of whole groups are exchanged then (:mod:`brightfield.evaluation.permutation`).
        """
        del metric, a, b, groups
        return None

    def informative_groups(self, columns: Columns, groups: Sequence[str]) -> int:
        """How many groups tell how much the objective varies between groups; by default all."""
        del columns
        return len(set(groups))

    def errors(self, metric: str, columns: Columns) -> Real:
        """How wrong the answer to each image is, (images,), larger is worse: by default a metric of the image alone."""
        alone = np.eye(len(every_image_once(columns)[0]))
        value = self.pooled_for(metric, columns, alone)
        return -value if declared(metric).direction == "maximize" else value

    def pooled_subset(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Metrics of a subset of the images (one defect, one level of light); by default the share of correct answers."""
        correct = self.correct(columns)
        return {} if correct is None else {"right": mean(correct, weights)}

    def summarise_subset(self, columns: Columns) -> dict[str, float]:
        """The same of every image of the subset once."""
        return of_one(self.pooled_subset(columns, every_image_once(columns)))

    def recalibrated(self, columns: Columns) -> Columns | None:
        """The statistics of answers recalibrated on a few images of the same acquisition; None where nothing is calibrated."""
        del columns
        return None

    def ceiling(self, columns: Columns) -> Columns | None:
        """The statistics of the best answers that there can be, where the truth is a matter of chance and a simulator knows it."""
        del columns
        return None

    def nonconformity(self, predicted: Answer, truth: Answer) -> dict[str, Real]:
        """How far the answer to one image is off, for each of the ``guarantees``: one score an object, the larger the further.

        ``answering.guaranteed`` makes the answer that leaves open all that has a score up to a limit. By default nothing.
        """
        del predicted, truth
        return {}

    def sizes(self, guaranteed: Answer) -> dict[str, float]:
        """How much an answer of ``answering.guaranteed`` leaves open, for each of the ``guarantees``: the mean over its objects.

        A guarantee of which the answer has no object may be left out.
        """
        del guaranteed
        return {}

    def score(self, predicted: Iterable[Answer], truth: Iterable[Answer]) -> dict[str, float]:
        """Pooled metrics over images, of which one at a time is asked for."""
        table = pd.DataFrame([self.statistics(p, t) for p, t in zip(predicted, truth, strict=True)])
        return self.summarise(table)

    def score_in(self, metric: str, predicted: Iterable[Answer], truth: Iterable[Answer]) -> float:
        """One metric of :meth:`score`, in less time where the others take long."""
        table = pd.DataFrame([self.statistics_for(metric, p, t) for p, t in zip(predicted, truth, strict=True)])
        return float(self.pooled_for(metric, table, every_image_once(table))[0])
