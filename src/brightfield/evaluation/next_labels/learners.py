"""What learns from some of the labelled images, so that it is seen what further labels are worth.

Images of one class each are learnt by logistic regression on the features of a frozen encoder, in a second. What else there is, two
networks learn, each in a shortened training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from brightfield import params, training
from brightfield.data.store import ImageSet, Selection
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.predictor import Predictor
from brightfield.metrics.declarations import Objective
from brightfield.results import Label
from brightfield.tasks import Task
from brightfield.training import warm_start

MEMBERS = 8  # regressions of a committee, each on labels drawn with replacement
NETWORKS = 2
STRENGTH = 0.01  # C of scikit-learn: strong, for hundreds of features and few labels

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Learnt:
    """What came of some labels.

    Attributes:
        score: the objective on the validation split.
        apart: (N,) how far the committee's members are apart on each candidate.
    """

    score: float
    apart: Real


class Learner(Protocol):
    """Learns from some images of the training split."""

    @property
    def objective(self) -> Objective:
        """What is scored."""
        ...

    def learn(self, chosen: Sequence[int], seed: int) -> Learnt:
        """Learn from the images at these places.

        Args:
            chosen: places in the training split.
            seed: of whatever is drawn.
        """
        ...


@dataclass(frozen=True)
class ByFeatures:
    """Logistic regressions on features, for images that have one class each.

    Attributes:
        task: which it is.
        train, labels: features (N, F) of the training split, and its labels (N,).
        validation, truth: those of the validation split.
        candidates: features (M, F) of the images on which the committee is asked.
    """

    task: Task[Any, Any]
    train: Real
    labels: npt.NDArray[np.int64]
    validation: Real
    truth: Sequence[Label]
    candidates: Real

    @property
    def objective(self) -> Objective:
        """That of the task."""
        return self.task.objective

    def learn(self, chosen: Sequence[int], seed: int) -> Learnt:
        """As :class:`Learner` says; with labels of one class alone all answers are even."""
        rng = np.random.default_rng(seed)
        places = np.asarray(chosen)
        of_validation, of_candidates = [], []
        for _ in range(MEMBERS):
            drawn = rng.choice(places, len(places))
            model = self._fitted(drawn if len(set(self.labels[drawn])) > 1 else places)
            of_validation.append(self._answers(model, self.validation))
            of_candidates.append(self._answers(model, self.candidates))
        answers = [Label(float(p)) for p in np.mean(of_validation, axis=0)]
        score = self.task.scoring.score_in(self.objective.metric, answers, self.truth)
        return Learnt(score, np.std(of_candidates, axis=0))

    def _fitted(self, places: npt.NDArray[np.intp]) -> Any:
        from sklearn.linear_model import LogisticRegression

        if len(set(self.labels[places])) < 2:
            return None
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
        return model.fit(self.train[places], self.labels[places])

    @staticmethod
    def _answers(model: Any, features: Real) -> Real:
        return np.full(len(features), 0.5) if model is None else np.asarray(model.predict_proba(features)[:, 1])


@dataclass(frozen=True)
class ByNetworks:
    """Networks of a model's entry, with fewer epochs.

    Attributes:
        task, model: the entry.
        train, validation: the splits.
        candidates: the images on which the networks are asked.
        compute: where they are trained.
    """

    task: Task[Any, Any]
    model: params.Model
    train: ImageSet
    validation: ImageSet
    candidates: Sequence[npt.NDArray[Any]]
    compute: params.Compute

    @property
    def objective(self) -> Objective:
        """That of the task."""
        return self.task.objective

    def learn(self, chosen: Sequence[int], seed: int) -> Learnt:
        """As :class:`Learner` says: the mean of the networks, each at its best epoch."""
        some = Selection([self.train], [(0, int(place)) for place in chosen])
        initial = warm_start.initial_weights(self.model)
        members, scores = [], []
        for number in range(NETWORKS):
            entry = self.model.model_copy(update={"seed": NETWORKS * seed + number})
            said = f"{len(chosen)} images, network {number + 1} of {NETWORKS}"
            fitted = training.fit(self.task, entry, some, self.validation, self.compute, None, said, initial)
            assert fitted.best_epoch is not None
            scores.append(float(fitted.history[f"validation_{fitted.objective.metric}"][fitted.best_epoch]))
            task = type(self.task)(fitted.settings)
            members.append(Member(Bundle("next", entry.task, task, entry, fitted.network, {}), 1.0))
        apart = [
            found
            for image in self.candidates
            for found in Predictor(members, self.compute).judge([image]).disagreements or [0.0]
        ]
        return Learnt(float(np.mean(scores)), np.asarray(apart, dtype=np.float64))
