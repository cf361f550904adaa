"""Against tables worked out by hand, and against scikit-learn where it defines the same thing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from brightfield.metrics import classification
from brightfield.results import Label

# In order of probability: good, bad, good and bad in one tie, bad. Of the six pairs of a good and a bad one, the first
# good one wins three, the second wins one and ties one: 4.5 of 6.
HAND = {
    "probability": np.array([0.9, 0.8, 0.6, 0.6, 0.1]),
    "answered": np.array([1.0, 1.0, 1.0, 1.0, 0.0]),
    "truth": np.array([1.0, 0.0, 1.0, 0.0, 0.0]),
}

tables = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=2, max_size=40
).filter(lambda rows: len({truth for _, truth in rows}) == 2)


def columns(rows: list[tuple[float, bool]]) -> dict[str, np.ndarray]:
    return answers([p for p, _ in rows], [float(t) for _, t in rows])


def answers(probability: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 0.5) -> dict[str, np.ndarray]:
    """A table of images whose answer is positive from the threshold on."""
    values = np.array(probability, float)
    return {"probability": values, "answered": 1.0 * (values >= threshold), "truth": np.array(truth, float)}


def test_statistics_are_probability_answer_and_truth() -> None:
    assert classification.statistics(Label(0.25), Label(1.0)) == {"probability": 0.25, "answered": 0.0, "truth": 1.0}
    assert classification.statistics(Label(0.25, 0.2), Label(0.0))["answered"] == 1.0


def test_truth_is_zero_or_one() -> None:
    with pytest.raises(ValueError, match=r"0 or 1, got 0\.5"):
        classification.statistics(Label(0.25), Label(0.5))


def test_hand_computed_table() -> None:
    metrics = classification.summarise(HAND)
    assert metrics["auc"] == pytest.approx(4.5 / 6)
    assert metrics["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * (2 / 4))
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["balanced_accuracy"] == pytest.approx((1 + 1 / 3) / 2)
    assert metrics["brier"] == pytest.approx((0.01 + 0.64 + 0.16 + 0.36 + 0.01) / 5)
    logs = [math.log(p) for p in (0.9, 0.2, 0.6, 0.4, 0.9)]
    assert metrics["log_loss"] == pytest.approx(-sum(logs) / 5)
    assert (metrics["recall"], metrics["precision"]) == (2 / 2, 2 / 4)
    # five images in ten bins, the tie in one of them: |0.9 - 1|, |0.8 - 0|, |1.2 - 1| and |0.1 - 0| of five
    assert metrics["calibration_error"] == pytest.approx((0.1 + 0.8 + 0.2 + 0.1) / 5)
    assert metrics["precision_at_recall_95"] == pytest.approx(2 / 4)  # both good ones only with the whole tie
    assert classification.confusion(HAND).tolist() == [[1, 2], [0, 2]]


def test_a_data_frame_serves_as_well() -> None:
    assert classification.summarise(pd.DataFrame(HAND)) == classification.summarise(HAND)


def test_95_percent_recall_may_lose_one_positive_in_twenty() -> None:
    probability = np.r_[np.linspace(0.9, 0.6, 19), 0.5, 0.4, 0.1]  # 19 good, two bad, the last good one
    truth = np.r_[np.ones(19), 0, 0, 1.0]
    kept_19 = classification.summarise(answers(probability, truth))["precision_at_recall_95"]
    assert kept_19 == 1.0
    truth[18] = 0  # 18 of 19 are 94.7 %: now the last one is needed, and all 22 are kept
    kept_all = classification.summarise(answers(probability, truth))["precision_at_recall_95"]
    assert kept_all == pytest.approx(19 / 22)


@given(tables)
@settings(deadline=None)
def test_agrees_with_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    table = columns(rows)
    truth, probability = table["truth"], table["probability"]
    metrics = classification.summarise(table)
    bounded = np.clip(probability, 1e-7, 1 - 1e-7)
    assert metrics["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, probability))
    assert metrics["average_precision"] == pytest.approx(sklearn_metrics.average_precision_score(truth, probability))
    assert metrics["log_loss"] == pytest.approx(sklearn_metrics.log_loss(truth, bounded))
    answered = probability >= 0.5
    assert metrics["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, answered))
    assert metrics["recall"] == pytest.approx(sklearn_metrics.recall_score(truth, answered))
    if answered.any():
        assert metrics["precision"] == pytest.approx(sklearn_metrics.precision_score(truth, answered))
    assert classification.confusion(table).tolist() == sklearn_metrics.confusion_matrix(truth, answered).tolist()


@given(tables, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_images_does_not_matter(rows: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert classification.summarise(columns(shuffled)) == pytest.approx(
        classification.summarise(columns(rows)), nan_ok=True
    )


def test_perfect_answers_score_perfectly() -> None:
    truth = np.array([0.0, 1.0, 1.0, 0.0])
    metrics = classification.summarise(answers(truth, truth))
    none = dict.fromkeys(("brier", "log_loss", "calibration_error"), 0.0)
    assert metrics == pytest.approx({**dict.fromkeys(metrics, 1.0), **none}, abs=1e-6)


def test_certain_and_wrong_costs_much_but_not_everything() -> None:
    metrics = classification.summarise(answers([0.0], [1.0]))
    assert metrics["log_loss"] == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(
    ("truth", "undefined"),
    [
        ([1.0, 1.0], {"auc", "balanced_accuracy"}),
        ([0.0, 0.0], {"auc", "average_precision", "balanced_accuracy", "precision_at_recall_95", "recall"}),
        ([], set(classification.summarise(HAND))),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_one_class_leaves_undefined_is_nan(truth: list[float], undefined: set[str]) -> None:
    metrics = classification.summarise(answers(np.full(len(truth), 0.7), truth))
    assert {name for name, value in metrics.items() if math.isnan(value)} == undefined


# --- what is chosen on validation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_that_by_which_logits_were_too_sure(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    positive = rng.uniform(size=logits.size) < 1 / (1 + np.exp(-logits))
    assert classification.temperature(true_temperature * logits, positive) == pytest.approx(true_temperature, rel=0.05)


def test_at_the_temperature_the_log_loss_is_least_and_the_calibration_better() -> None:
    rng = np.random.default_rng(1)
    positive = rng.uniform(size=400) < 0.3
    logits = 6 * (positive - 0.5) + rng.normal(0, 6, 400)
    found = classification.temperature(logits, positive)

    def summary(temperature: float) -> dict[str, float]:
        return classification.summarise(answers(1 / (1 + np.exp(-logits / temperature)), positive))

    assert summary(found)["log_loss"] <= min(summary(found * f)["log_loss"] for f in (0.8, 0.95, 1.05, 1.25))
    assert summary(found)["calibration_error"] < summary(1.0)["calibration_error"]
    assert summary(found)["auc"] == summary(1.0)["auc"]


def test_a_single_class_tells_no_temperature() -> None:
    assert classification.temperature(np.array([1.0, -2.0]), np.array([True, True])) == 1.0


def test_the_threshold_keeps_the_share_of_positive_images() -> None:
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.1])
    positive = np.array([True, True, True, True, False, False])
    halfway = {0.95: (0.6 + 0.1) / 2, 0.75: (0.7 + 0.6) / 2, 0.76: (0.6 + 0.1) / 2, 0.01: (0.9 + 0.8) / 2}
    for keep, expected in halfway.items():
        assert classification.threshold(probability, positive, keep) == pytest.approx(expected)
    assert classification.threshold(probability[:4], positive[:4], 1.0) == 0.3  # nothing lies below
    assert classification.threshold(probability, ~positive & False, 0.95) == 0.5
