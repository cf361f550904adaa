"""Two classes, one probability an image: how well the positive ones are told from the others.

An image is answered positive when its probability is at least 0.5. Curves are walked over the *distinct*
probabilities, so that images with the same probability are taken or left together: the area under the curve is the
Mann-Whitney statistic with ties counted half, and average precision is the sum of P_n (R_n - R_(n-1)) without
interpolation (the definitions of scikit-learn).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from brightfield.metrics import Columns, column, mean, ratio
from brightfield.results import Label

THRESHOLD = 0.5
KEPT_SHARE = 0.95  # of the positive images, for precision_at_recall_95
SMALLEST_PROBABILITY = 1e-7  # about the resolution of float32: a certain and wrong answer costs 16.1 nats, not infinity


def statistics(predicted: Label, truth: Label) -> dict[str, float]:
    """What one image contributes: ``probability`` of the positive class and ``truth``, 0 or 1.

    Raises:
        ValueError: the truth is neither 0 nor 1.
    """
    if truth.probability not in (0.0, 1.0):
        raise ValueError(f"a true label has the probability 0 or 1, got {truth.probability}")
    return {"probability": float(predicted.probability), "truth": float(truth.probability)}


def summarise(columns: Columns) -> dict[str, float]:
    """The pooled metrics of a table with the columns of :func:`statistics`.

    Returns:
        ``auc``, ``average_precision``, ``accuracy``, ``balanced_accuracy`` (mean recall of the two classes), ``brier``
        (mean squared error of the probability), ``log_loss`` (nats, probabilities kept ``SMALLEST_PROBABILITY`` away
        from 0 and 1) and ``precision_at_recall_95``: when the most probable images are kept until 95 % of the positive
        ones are among them, the share of positive ones among the kept.
    """
    probability, positive = column(columns, "probability"), column(columns, "truth") > 0.5
    right = (probability >= THRESHOLD) == positive
    bounded = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    recalls = 0.5 * (mean(1.0 * right[positive]) + mean(1.0 * right[~positive]))
    return {
        **_ranked(probability, positive),
        "accuracy": mean(1.0 * right),
        "balanced_accuracy": recalls,
        "brier": mean((probability - positive) ** 2),
        "log_loss": mean(-np.log(np.where(positive, bounded, 1 - bounded))),
    }


def _ranked(probability: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The metrics that depend on the order of the probabilities only."""
    positives, negatives = float(positive.sum()), float((~positive).sum())
    if not positives:
        return dict.fromkeys(("auc", "average_precision", "precision_at_recall_95"), float("nan"))
    order = np.argsort(-probability)
    ranked = probability[order]
    # at each distinct probability, from the highest down: how many images are kept, and how many of them are positive
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    kept = last_of_tie + 1.0
    true_kept = np.cumsum(1.0 * positive[order])[last_of_tie]
    gained = np.diff(true_kept, prepend=0.0)
    false_kept = kept - true_kept
    # each newly taken positive beats every negative not yet taken, and half of those that come in its own tie
    beaten = gained * (negatives - 0.5 * (false_kept + np.append(0.0, false_kept[:-1])))
    enough = int(np.argmax(true_kept >= math.ceil(KEPT_SHARE * positives - 1e-9)))
    return {
        "auc": ratio(float(beaten.sum()), positives * negatives),
        "average_precision": float((gained * true_kept / kept).sum()) / positives,
        "precision_at_recall_95": float(true_kept[enough] / kept[enough]),
    }


def confusion(columns: Columns) -> npt.NDArray[np.int64]:
    """Counts of images, (2, 2): rows the truth, columns the answer, both in the order negative, positive."""
    positive = column(columns, "truth") > 0.5
    answered = column(columns, "probability") >= THRESHOLD
    return np.bincount(2 * positive + 1 * answered, minlength=4).reshape(2, 2).astype(np.int64)
