"""Mixtures of the outputs of several models, and how good they are on a split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.evaluation import bootstrap, scoring
from brightfield.evaluation.scoring import Split
from brightfield.inference.predictor import combined
from brightfield.metrics import Real
from brightfield.tasks import Task
from brightfield.tasks.answering import Way

Outputs = Mapping[str, Sequence[npt.NDArray[np.float32]]]  # model -> its activated outputs, one per image
Weights = dict[str, float]  # model -> its weight; weights sum to 1


@dataclass(frozen=True)
class Votes:
    """What models say of the images of a split.

    Attributes:
        outputs: of each model, as :meth:`brightfield.tasks.answering.Answering.voted` returns them.
        ballots: likewise, of ``ballot``; None for tasks without ``votes``.
        tasks: the task with the settings that are calibrated for each model; none: those of the whole.
    """

    outputs: Outputs
    ballots: Outputs | None = None
    tasks: Mapping[str, Task[Any, Any]] = field(default_factory=dict)

    def by(self, way: Way) -> Outputs:
        """What is combined in a way.

        Raises:
            ValueError: there are no ballots, and it counts them.
        """
        if way != "vote":
            return self.outputs
        if self.ballots is None:
            raise ValueError("models of this task cannot vote")
        return self.ballots

    def mixed(
        self, task: Task[Any, Any], weights: Weights, way: Way = "mean", images: Sequence[int] | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """The outputs of some models as one, of all images or of those with these numbers; one image at a time."""
        known = self.by(way)
        chosen = [known[name] if images is None else map(known[name].__getitem__, images) for name in weights]
        return combined(task, chosen, list(weights.values()), way)


class ObjectiveOfMixtures:
    """The task's objective for mixtures of outputs; each mixture answers each image once, and only those that are asked for.

    Attributes:
        votes: of each model.
        declared: the objective.
        groups: number of groups in the split.
        group_numbers: the group of each image, from 0, (images,).
        products: of outputs, see :func:`brightfield.evaluation.combining.products`; None until they are asked for.
    """

    def __init__(self, task: Task[Any, Any], split: Split, votes: Votes) -> None:
        self.task, self.split, self.votes = task, split, votes
        self.declared = task.objective_on(split.truth)
        self.group_numbers = bootstrap.numbered(split.groups, len(split.truth))
        self.groups = int(self.group_numbers.max(initial=-1)) + 1
        self.products: npt.NDArray[np.float64] | None = None
        self._known: dict[tuple[Way, tuple[tuple[str, float], ...]], dict[int, dict[str, float]]] = {}

    @property
    def names(self) -> list[str]:
        """The models."""
        return list(self.votes.outputs)

    def __call__(self, weights: Weights, counts: Real | None = None, way: Way = "mean") -> float:
        """The objective of a mixture, of the images of the split as often as they count; once each without ``counts``.

        It is nan for models that do not answer all that is asked.
        """
        if not self.is_complete(weights):
            return math.nan
        which = np.arange(len(self.split.truth)) if counts is None else np.flatnonzero(counts)
        return self.pooled(self.table(weights, way, which), None if counts is None else counts[which])

    def is_complete(self, weights: Weights) -> bool:
        """Whether models answer together all that is asked."""
        known = [self.votes.tasks[name].settings for name in weights if name in self.votes.tasks]
        return not known or self.task.settings.completed_by(known)

    def table(self, weights: Weights, way: Way = "mean", which: npt.NDArray[np.intp] | None = None) -> pd.DataFrame:
        """The statistics for the objective: a row an image, of all or of those with these numbers."""
        mixture = {name: weights[name] for name in self.names if name in weights}
        known = self._known.setdefault((way, tuple(mixture.items())), {})
        asked = range(len(self.split.truth)) if which is None else [int(i) for i in which]
        if missing := [i for i in asked if i not in known]:
            outputs = self.votes.mixed(self.task, mixture, way, missing)
            answers = scoring.decoded(self.task, outputs, map(self.split.encoded.__getitem__, missing))
            for i, answer in zip(missing, answers, strict=True):
                known[i] = self.task.scoring.statistics_for(self.declared.metric, answer, self.split.truth[i])
        return pd.DataFrame([known[i] for i in asked], index=asked)

    def pooled(self, table: pd.DataFrame, counts: Real | None = None) -> float:
        """The objective of a table."""
        weights = np.ones((1, len(table))) if counts is None else counts[None]
        return float(self.task.scoring.pooled_for(self.declared.metric, table, weights)[0])
