"""Two classes, one probability an image: how well the positive ones are told from the others.

An image is answered positive when its probability reaches the threshold of its model. Curves are walked over the *distinct*
probabilities, so that images with the same probability are taken or left together: the area under the curve is the
Mann-Whitney statistic with ties counted half, and average precision is the sum of P_n (R_n - R_(n-1)) without
interpolation (the definitions of scikit-learn).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from brightfield.metrics import Columns, column, mean, ratio
from brightfield.results import Label

Real = npt.NDArray[np.float64]

CHANCE = "p_positive"  # column of a simulated dataset: the probability from which the label was drawn
RANKED = ("auc", "average_precision", "precision_at_recall_95")
KEPT_SHARE = 0.95  # of the positive images, for precision_at_recall_95
TEMPERATURES = (0.05, 20.0)
# Normal priors of log temperature and bias: their deviations. Narrow ones are for a few images of another acquisition: on the
# simulated suites, 32 images at a time, they lost least where nothing was to be mended and nearly as much was gained where it was.
WIDE, NARROW = (0.5, 2.0), (0.2, 1.0)
FEW = 32  # labelled images of a new acquisition that a model is recalibrated on
FOLDS = 5
BINS = 10  # of the calibration error
SMALLEST_PROBABILITY = 1e-7  # about the resolution of float32: a certain and wrong answer costs 16.1 nats, not infinity


def statistics(predicted: Label, truth: Label) -> dict[str, float]:
    """What one image contributes: ``probability`` of the positive class, ``answered`` and ``truth``, 0 or 1.

    Raises:
        ValueError: the truth is neither 0 nor 1.
    """
    if truth.probability not in (0.0, 1.0):
        raise ValueError(f"a true label has the probability 0 or 1, got {truth.probability}")
    return {
        "probability": float(predicted.probability),
        "answered": float(predicted.positive),
        "truth": float(truth.probability),
    }


def summarise(columns: Columns) -> dict[str, float]:
    """The pooled metrics of a table with the columns of :func:`statistics`.

    Returns:
        ``auc``, ``average_precision``, ``accuracy``, ``balanced_accuracy`` (mean recall of the two classes), ``recall``
        and ``precision`` of the positive class, ``brier`` (mean squared error of the probability), ``log_loss`` (nats,
        probabilities kept ``SMALLEST_PROBABILITY`` away from 0 and 1), ``calibration_error`` (mean absolute difference
        between probability and share of positive images, over ``BINS`` bins with equally many images: the adaptive
        calibration error of Nixon et al., CVPR workshops 2019) and ``precision_at_recall_95``: when the most probable
        images are kept until 95 % of the positive ones are among them, the share of positive ones among the kept.
    """
    probability, positive = column(columns, "probability"), column(columns, "truth") > 0.5
    answered = column(columns, "answered") > 0.5
    as_it_is = correct(columns)
    if len(probability):
        value, size, gained = _ties(probability, positive)
        ranked, calibration_error = _ranked(size, gained), _calibration_error(value, size, gained)
    else:
        ranked, calibration_error = dict.fromkeys(RANKED, float("nan")), float("nan")
    bounded = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    recalls = 0.5 * (mean(as_it_is[positive]) + mean(as_it_is[~positive]))
    return {
        **ranked,
        "accuracy": mean(as_it_is),
        "balanced_accuracy": recalls,
        "recall": ratio(float((answered & positive).sum()), float(positive.sum())),
        "precision": ratio(float((answered & positive).sum()), float(answered.sum())),
        "brier": mean((probability - positive) ** 2),
        "log_loss": mean(-np.log(np.where(positive, bounded, 1 - bounded))),
        "calibration_error": calibration_error,
    }


def _ties(probability: Real, positive: npt.NDArray[np.bool_]) -> tuple[Real, Real, Real]:
    """The distinct probabilities from the highest down; of each, how many images have it, and how many of those are positive."""
    order = np.argsort(-probability)
    ranked = probability[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    return ranked[last], np.diff(last, prepend=-1.0), np.diff(np.cumsum(1.0 * positive[order])[last], prepend=0.0)


def _calibration_error(value: Real, size: Real, gained: Real) -> float:
    """From what :func:`_ties` gives."""
    n = size.sum()
    # from the lowest probability up, and its mean over a tie: the same for the same probability
    rank = n - np.cumsum(size) + 0.5 * (size + 1)
    place = ((rank - 0.5) / n * BINS).astype(int)
    gaps = np.bincount(place, weights=value * size - gained, minlength=BINS)
    return float(np.abs(gaps).sum() / n)


def calibration(
    logits: npt.NDArray[np.float64],
    positive: npt.NDArray[np.bool_],
    temperature: float | None = None,
    bias: float | None = None,
    spreads: tuple[float, float] = WIDE,
    share: float | None = None,
) -> tuple[float, float]:
    """Temperature and bias for which sigmoid(logit / temperature + bias) has the least log loss.

    Temperature scaling (Guo et al., ICML 2017) with the bias of Platt (1999), which takes up that another share of images is
    positive than the network was made to expect. Both are drawn towards 1 and 0 as far as few images leave them open.

    Args:
        logits, positive: (N,) each.
        temperature, bias: as they are to stay; None where they are to be found.
        spreads: deviations of the normal priors of log temperature and bias.
        share: of the images that would be positive if they were drawn at random; images count accordingly. None: as they come.
    """
    signs, weights = np.where(positive, -1.0, 1.0), _weights(positive, share)

    def values(found: npt.NDArray[np.float64]) -> tuple[float, float]:
        return (
            float(np.exp(found[0])) if temperature is None else temperature,
            float(found[1]) if bias is None else bias,
        )

    def cost(found: npt.NDArray[np.float64]) -> float:
        t, b = values(found)
        log_loss = float(weights @ np.logaddexp(0, signs * (logits / t + b)))
        return log_loss + 0.5 * float(np.square(found / spreads).sum())

    return values(minimize(cost, np.zeros(2), method="L-BFGS-B", bounds=(np.log(TEMPERATURES), (-20, 20))).x)


def _weights(positive: npt.NDArray[np.bool_], share: float | None) -> Real:
    """What each image counts, 1 on average, for positive ones to be ``share`` of the whole; all 1 where a class is missing."""
    own = float(positive.mean()) if len(positive) else 0.0
    if share is None or own in (0.0, 1.0):
        return np.ones(len(positive))
    return np.where(positive, share / own, (1 - share) / (1 - own))


def threshold(probability: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], keep: float) -> float:
    """From which probability on at least a share ``keep`` of the positive images are kept, and no more than need be.

    Halfway to the next image below, so that the last digit of a probability decides nothing; 0.5 where nothing is positive.
    """
    if not positive.any():
        return 0.5
    ranked = np.sort(probability[positive])[::-1]
    last = ranked[max(math.ceil(keep * len(ranked) - 1e-9), 1) - 1]
    return float(last + probability[probability < last].max(initial=0.0)) / 2


def logit(probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)), with probabilities kept ``SMALLEST_PROBABILITY`` away from 0 and 1."""
    bounded = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(np.log(bounded / (1 - bounded)))


def recalibrated(columns: Columns, threshold: float, share: float | None = None, seed: int = 0) -> dict[str, Real]:
    """The same answers, recalibrated on ``FEW`` labelled images of the same acquisition, as many of each class.

    Cross-fitted: each of ``FOLDS`` parts is recalibrated on images drawn from the others, so no image is judged by itself, and
    all are judged. The threshold, a probability, stays: with so few images a new one would be chance.

    Args:
        columns: those of :func:`statistics`.
        threshold: of the probability.
        share: of positive images, as :func:`calibration` takes it.
    """
    probability, positive = column(columns, "probability"), column(columns, "truth") > 0.5
    logits, rng = logit(probability), np.random.default_rng(seed)
    part = rng.permutation(len(logits)) % FOLDS
    new = probability.copy()
    for fold in range(FOLDS):
        others, judged = np.flatnonzero(part != fold), part == fold
        of_classes = [others[positive[others] == value] for value in (False, True)]
        few = np.concatenate([rng.choice(each, min(FEW // 2, len(each)), replace=False) for each in of_classes])
        temperature, bias = calibration(logits[few], positive[few], spreads=NARROW, share=share)
        new[judged] = expit(logits[judged] / temperature + bias)
    return {"probability": new, "answered": (new >= threshold).astype(float), "truth": positive.astype(float)}


def ceiling(columns: Columns) -> dict[str, npt.NDArray[np.float64]]:
    """The answers that no model can better on average: the probability from which each label was drawn, ``CHANCE``."""
    probability = column(columns, CHANCE)
    return {
        "probability": probability,
        "answered": (probability >= 0.5).astype(float),
        "truth": column(columns, "truth"),
    }


def _ranked(size: Real, gained: Real) -> dict[str, float]:
    """The metrics that depend on the order of the probabilities only, from what :func:`_ties` gives."""
    positives, negatives = gained.sum(), (size - gained).sum()
    if not positives:
        return dict.fromkeys(RANKED, float("nan"))
    # at each distinct probability, from the highest down: how many images are kept, and how many of them are positive
    kept, true_kept = np.cumsum(size), np.cumsum(gained)
    false_kept = kept - true_kept
    # each newly taken positive beats every negative not yet taken, and half of those that come in its own tie
    beaten = gained * (negatives - false_kept + 0.5 * (size - gained))
    enough = int(np.argmax(true_kept >= math.ceil(KEPT_SHARE * positives - 1e-9)))
    return {
        "auc": ratio(float(beaten.sum()), float(positives * negatives)),
        "average_precision": float((gained * true_kept / kept).sum() / positives),
        "precision_at_recall_95": float(true_kept[enough] / kept[enough]),
    }


def correct(columns: Columns) -> npt.NDArray[np.float64]:
    """1 for each image whose answer is the truth, 0 for the others."""
    answered, positive = (column(columns, name) > 0.5 for name in ("answered", "truth"))
    return np.where(answered == positive, 1.0, 0.0)


def confusion(columns: Columns) -> npt.NDArray[np.int64]:
    """Counts of images, (2, 2): rows the truth, columns the answer, both in the order negative, positive."""
    positive = column(columns, "truth") > 0.5
    answered = column(columns, "answered") > 0.5
    return np.bincount(2 * positive + 1 * answered, minlength=4).reshape(2, 2).astype(np.int64)
