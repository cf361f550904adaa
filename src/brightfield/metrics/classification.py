"""Metrics of binary classification, with one probability per image.

An image is answered positive when its probability reaches the threshold of its model. Curves have one point per *distinct*
probability, so that images with the same probability stay together: the area under the curve is the Mann-Whitney statistic
with ties counted half, and average precision is the sum of P_n (R_n - R_(n-1)) without interpolation (the definitions of
scikit-learn).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from brightfield.metrics import Columns, Real, Weights, column, every_image_once, mean, of_one, ratio, total
from brightfield.results import Label

TRUE_PROBABILITY = "p_positive"  # column of a simulated dataset: the probability from which the label was drawn
TARGET_RECALL = 0.95  # recall at which precision_at_recall_95 is taken
TEMPERATURES = (0.05, 20.0)  # smallest and largest temperature
# Standard deviations of the normal priors of log temperature and bias. The narrow ones are for a few images of another
# acquisition: on the simulated suites, with 32 images each, they lost least without a shift and gained nearly as much with one.
WIDE_PRIOR, NARROW_PRIOR = (0.5, 2.0), (0.2, 1.0)
RECALIBRATION_IMAGES = 32  # number of labelled images of a new acquisition on which a model is recalibrated
FOLDS = 5  # number of folds of cross-fitting
BINS = 10  # number of bins of the calibration error
SMALLEST_PROBABILITY = 1e-7  # about the resolution of float32: a certain and wrong answer costs 16.1 nats, not infinity


def statistics(predicted: Label, truth: Label) -> dict[str, float]:
    """The contribution of one image: ``probability`` of the positive class, ``answered`` and ``truth``, 0 or 1.

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
    """The metrics of :func:`pooled`, with every image once."""
    return of_one(pooled(columns, every_image_once(columns)))


def pooled(columns: Columns, weights: Weights) -> dict[str, Real]:
    """The pooled metrics of each resample of a table with the columns of :func:`statistics`.

    Returns:
        ``auc``, ``average_precision``, ``accuracy``, ``balanced_accuracy`` (mean recall of the two classes), ``recall``
        and ``precision`` of the positive class, ``brier`` (mean squared error of the probability), ``log_loss`` (nats,
        probabilities at least ``SMALLEST_PROBABILITY`` away from 0 and 1), ``calibration_error`` (mean absolute difference
        between probability and share of positive images, over ``BINS`` bins with equally many images: the adaptive
        calibration error of Nixon et al., CVPR workshops 2019) and ``precision_at_recall_95``: the share of positive images
        among the most probable ones, as many as contain 95 % of the positive images.
    """
    probability, positive = column(columns, "probability"), column(columns, "truth") > 0.5
    answered = column(columns, "answered") > 0.5
    as_it_is = correct(columns)
    value, size, gained = _ties(probability, positive, weights)
    bounded = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    recalls = [mean(as_it_is[of_class], weights[:, of_class]) for of_class in (positive, ~positive)]
    hits = total(answered & positive, weights)
    return {
        **_ranked(size, gained),
        "accuracy": mean(as_it_is, weights),
        "balanced_accuracy": 0.5 * (recalls[0] + recalls[1]),
        "recall": ratio(hits, total(positive, weights)),
        "precision": ratio(hits, total(answered, weights)),
        "brier": mean((probability - positive) ** 2, weights),
        "log_loss": mean(-np.log(np.where(positive, bounded, 1 - bounded)), weights),
        "calibration_error": _calibration_error(value, size, gained),
    }


def auc(columns: Columns, weights: Weights) -> Real:
    """``auc`` of :func:`pooled` alone."""
    _, size, gained = _ties(column(columns, "probability"), column(columns, "truth") > 0.5, weights)
    return _auc(size, gained, np.cumsum(size - gained, axis=1))


def _ties(probability: Real, positive: npt.NDArray[np.bool_], weights: Weights) -> tuple[Real, Real, Real]:
    """The distinct probabilities, (D,), in descending order; for each, and for each resample, the number of images with it and of
    positive ones among them, (resamples, D), which may be none.
    """
    order = np.argsort(-probability)
    ranked = probability[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))[: len(ranked)]
    sizes = weights[:, order]
    if len(first) == len(ranked):  # no two are equal
        return ranked, sizes, sizes * positive[order]
    size, gained = (np.add.reduceat(each, first, axis=1) for each in (sizes, sizes * positive[order]))
    return ranked[first], size, gained


def _calibration_error(value: Real, size: Real, gained: Real) -> Real:
    """The calibration error of each resample, from the output of :func:`_ties`."""
    n = size.sum(axis=1, keepdims=True)
    # rank in ascending order, averaged over a tie: equal for equal probabilities
    rank = n - np.cumsum(size, axis=1) + 0.5 * (size + 1)
    place = np.clip(np.nan_to_num(ratio(rank - 0.5, n) * BINS), 0, BINS - 1)  # of a probability that no image has, any
    bin_ = place.astype(np.intp) + BINS * np.arange(len(size))[:, None]
    known = np.isfinite(value)
    gaps = np.bincount(bin_.ravel(), (np.where(known, value, 0.0) * size - gained).ravel(), BINS * len(size))
    error = ratio(np.abs(gaps.reshape(-1, BINS)).sum(axis=1), n[:, 0])
    return np.where(size[:, ~known].any(axis=1), np.nan, error)


def calibration(
    logits: npt.NDArray[np.float64],
    positive: npt.NDArray[np.bool_],
    temperature: float | None = None,
    bias: float | None = None,
    spreads: tuple[float, float] = WIDE_PRIOR,
    share: float | None = None,
) -> tuple[float, float]:
    """Temperature and bias for which sigmoid(logit / temperature + bias) has the least log loss.

    Temperature scaling (Guo et al., ICML 2017) with the bias of Platt (1999), which corrects for a share of positive images other
    than in training. Normal priors shrink them towards 1 and 0 where there are few images.

    Args:
        logits, positive: (N,) each.
        temperature, bias: fixed values; None: to be fitted.
        spreads: standard deviations of the normal priors of log temperature and bias.
        share: share of positive images in the population, to which images are weighted; None: all weigh the same.
    """
    from scipy.optimize import minimize  # takes long to load, and not every kind of task needs it

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
    """Weights of the images, 1 on average, for which positive ones are ``share`` of the whole; all 1 where a class is missing."""
    own = float(positive.mean()) if len(positive) else 0.0
    if share is None or own in (0.0, 1.0):
        return np.ones(len(positive))
    return np.where(positive, share / own, (1 - share) / (1 - own))


def threshold(probability: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], keep: float) -> float:
    """The highest threshold with a recall of at least ``keep``; 0.5 where no image is positive.

    It lies halfway to the next image below, so that rounding of probabilities does not matter.
    """
    if not positive.any():
        return 0.5
    ranked = np.sort(probability[positive])[::-1]
    last = ranked[max(math.ceil(keep * len(ranked) - 1e-9), 1) - 1]
    return float(last + probability[probability < last].max(initial=0.0)) / 2


def logit(probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """log(p / (1 - p)), with probabilities clipped to ``SMALLEST_PROBABILITY`` from 0 and 1."""
    bounded = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(np.log(bounded / (1 - bounded)))


def recalibrated(columns: Columns, threshold: float, share: float | None = None, seed: int = 0) -> dict[str, Real]:
    """The answers recalibrated on ``RECALIBRATION_IMAGES`` labelled images of the same acquisition, equally many of each class.

    Cross-fitting: each of ``FOLDS`` parts is recalibrated on images drawn from the others, so that no image is scored with
    parameters fitted to it. The threshold of the probability does not change: so few images cannot determine a new one.

    Args:
        columns: the columns of :func:`statistics`.
        threshold: threshold of the probability.
        share: share of positive images in the population, see :func:`calibration`.
        seed: seed of the folds and of the draws.
    """
    probability, positive = column(columns, "probability"), column(columns, "truth") > 0.5
    logits, rng = logit(probability), np.random.default_rng(seed)
    part = rng.permutation(len(logits)) % FOLDS
    new = probability.copy()
    for fold in range(FOLDS):
        others, judged = np.flatnonzero(part != fold), part == fold
        of_classes = [others[positive[others] == value] for value in (False, True)]
        drawn = [rng.choice(each, min(RECALIBRATION_IMAGES // 2, len(each)), replace=False) for each in of_classes]
        few = np.concatenate(drawn)
        temperature, bias = calibration(logits[few], positive[few], spreads=NARROW_PRIOR, share=share)
        new[judged] = expit(logits[judged] / temperature + bias)
    return {"probability": new, "answered": (new >= threshold).astype(float), "truth": positive.astype(float)}


def ceiling(columns: Columns) -> dict[str, npt.NDArray[np.float64]]:
    """The best possible answers on average: the probability from which each label was drawn, ``TRUE_PROBABILITY``."""
    probability = column(columns, TRUE_PROBABILITY)
    return {
        "probability": probability,
        "answered": (probability >= 0.5).astype(float),
        "truth": column(columns, "truth"),
    }


def _ranked(size: Real, gained: Real) -> dict[str, Real]:
    """The metrics that depend only on the order of the probabilities, from the output of :func:`_ties`."""
    positives = gained.sum(axis=1)
    # with each distinct probability as the threshold: the number of images at or above it, and of true positives among them
    selected, true_positives = np.cumsum(size, axis=1), np.cumsum(gained, axis=1)
    precision = ratio(true_positives, selected)
    at_least = np.ceil(TARGET_RECALL * positives - 1e-9)[:, None]
    enough = np.argmax(true_positives >= at_least, axis=1)[:, None] if size.size else np.zeros((len(size), 0), np.intp)
    at_enough = np.take_along_axis(precision, enough, axis=1).sum(axis=1)
    return {
        "auc": _auc(size, gained, selected - true_positives),
        "average_precision": ratio((gained * np.nan_to_num(precision)).sum(axis=1), positives),
        "precision_at_recall_95": np.where(positives > 0, at_enough, np.nan),
    }


def _auc(size: Real, gained: Real, above: Real) -> Real:
    """The AUC, where ``above`` is the number of negative images with at least each probability."""
    others = size - gained
    positives, negatives = gained.sum(axis=1), others.sum(axis=1)
    # each positive ranks above all negatives with a lower probability, and above half of those with the same
    outranked = gained * (negatives[:, None] - above + 0.5 * others)
    return ratio(outranked.sum(axis=1), positives * negatives)


def correct(columns: Columns) -> npt.NDArray[np.float64]:
    """1 for each image that is answered correctly, 0 for the others."""
    answered, positive = (column(columns, name) > 0.5 for name in ("answered", "truth"))
    return np.where(answered == positive, 1.0, 0.0)


def confusions(columns: Columns) -> npt.NDArray[np.int64]:
    """A 1 for each image, (2, 2, images): axes truth, answer and image, the classes in the order negative, positive."""
    positive = (column(columns, "truth") > 0.5).astype(np.intp)
    answered = (column(columns, "answered") > 0.5).astype(np.intp)
    found = np.zeros((2, 2, len(positive)), np.int64)
    found[positive, answered, np.arange(len(positive))] = 1
    return found
