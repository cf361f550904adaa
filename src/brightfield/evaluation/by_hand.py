"""An ensemble built by hand: what a mixture of models scores, at once, from the answers that are kept of its members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import scoring
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.combining import equal
from brightfield.evaluation.ensembles import GIVEN
from brightfield.evaluation.member_outputs import Candidate, votes_of
from brightfield.evaluation.mixtures import Votes, Weights
from brightfield.evaluation.scoring import Split
from brightfield.metrics import every_image_once
from brightfield.tasks import Task
from brightfield.tasks.answering import Way

METHODS: Mapping[Way, str] = {"mean": "soft_vote", "median": "median", "vote": "majority_vote"}  # of equal weights


def able(settings: params.Params, task_name: str) -> list[str]:
    """The networks of a task that can be mixed: on its dataset, with its settings, and with kept answers to it."""
    return [
        name
        for name in settings.members_of(_entry(settings, task_name))
        if any(layout.predictions(task_name, name).glob("*"))
    ]


@dataclass(frozen=True)
class Bench:
    """Models on one split, ready to be mixed.

    Attributes:
        task, split, votes: what they answer, to which images, and their answers.
        settings: of the intervals.
    """

    task: Task[Any, Any]
    split: Split
    votes: Votes
    settings: params.Evaluation

    @classmethod
    def load(cls, settings: params.Params, task_name: str, names: list[str], split: str) -> Bench:
        """Models by their kept answers to a split of the task's dataset.

        Raises:
            BrightfieldError: a model was not evaluated on these images.
        """
        entry = settings.tasks[task_name]
        data = layout.prepared(entry.dataset)
        task = tasks.build(entry.kind, entry.settings)
        loaded = Split.load(task, data, split)
        votes = votes_of(settings, task, [Candidate(name) for name in names], loaded, data)
        return cls(task, loaded, votes, settings.evaluation)

    @property
    def ways(self) -> list[Way]:
        """In which answers can be combined."""
        return ["mean", "median", *(["vote"] if self.votes.ballots is not None else [])]  # type: ignore[list-item]

    def table(self, weights: Weights, way: Way = "mean") -> pd.DataFrame:
        """What each image scores: id, group and the statistics for the objective.

        Args:
            weights: of the members; any positive sum.
            way: how their answers become one.
        """
        total = sum(weights.values())
        shares = {name: weight / total for name, weight in weights.items()}
        return scoring.objective_table(self.task, self.split, self.votes.mixed(self.task, shares, way))

    def value(self, table: pd.DataFrame) -> float:
        """The objective of a table."""
        metric = self.task.objective_on(self.split.truth).metric
        return float(self.task.scoring.pooled_for(metric, table, every_image_once(table))[0])

    def gain(self, table: pd.DataFrame, over: pd.DataFrame) -> Difference:
        """The objective of a table minus that of another one, paired by image."""
        return scoring.difference(self.task, over, table, self.settings)


def as_entry(settings: params.Params, task_name: str, weights: Weights, way: Way = "mean") -> dict[str, Any]:
    """A mixture as an entry of ``ensembles`` in params.yaml.

    Raises:
        BrightfieldError: weights that differ, in a way that has none.
    """
    entry: dict[str, Any] = {"task": task_name, "dataset": settings.tasks[task_name].dataset}
    alike = len(set(weights.values())) == 1
    if way == "mean" and not alike:
        return {**entry, "method": GIVEN, "weights": {name: float(weight) for name, weight in weights.items()}}
    if not alike:
        raise BrightfieldError(f"A {way} has no weights: give all members the same.")
    return {**entry, "members": list(equal(weights)), "method": METHODS[way] if len(weights) > 1 else "single"}


def _entry(settings: params.Params, task_name: str) -> params.Ensemble:
    entry = settings.tasks[task_name]
    return params.Ensemble(task=task_name, kind=entry.kind, dataset=entry.dataset)
