"""Against tables worked out by hand, and against scikit-learn where it defines the same thing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from brightfield.metrics import classification
from brightfield.results import Label

# In order of probability: good, bad, good and bad in one tie, bad. Of the six pairs of a good and a bad one, the first
# good one wins three, the second wins one and ties one: 4.5 of 6.
HAND = {"probability": np.array([0.9, 0.8, 0.6, 0.6, 0.1]), "truth": np.array([1.0, 0.0, 1.0, 0.0, 0.0])}

tables = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=2, max_size=40
).filter(lambda rows: len({truth for _, truth in rows}) == 2)


def columns(rows: list[tuple[float, bool]]) -> dict[str, np.ndarray]:
    return {"probability": np.array([p for p, _ in rows]), "truth": np.array([float(t) for _, t in rows])}


def test_statistics_are_probability_and_truth() -> None:
    assert classification.statistics(Label(0.25), Label(1.0)) == {"probability": 0.25, "truth": 1.0}


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
    assert metrics["precision_at_recall_95"] == pytest.approx(2 / 4)  # both good ones only with the whole tie
    assert classification.confusion(HAND).tolist() == [[1, 2], [0, 2]]


def test_a_data_frame_serves_as_well() -> None:
    assert classification.summarise(pd.DataFrame(HAND)) == classification.summarise(HAND)


def test_95_percent_recall_may_lose_one_positive_in_twenty() -> None:
    probability = np.r_[np.linspace(0.9, 0.6, 19), 0.5, 0.4, 0.1]  # 19 good, two bad, the last good one
    truth = np.r_[np.ones(19), 0, 0, 1.0]
    kept_19 = classification.summarise({"probability": probability, "truth": truth})["precision_at_recall_95"]
    assert kept_19 == 1.0
    truth[18] = 0  # 18 of 19 are 94.7 %: now the last one is needed, and all 22 are kept
    kept_all = classification.summarise({"probability": probability, "truth": truth})["precision_at_recall_95"]
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
    answers = probability >= 0.5
    assert metrics["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, answers))
    assert classification.confusion(table).tolist() == sklearn_metrics.confusion_matrix(truth, answers).tolist()


@given(tables, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_images_does_not_matter(rows: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert classification.summarise(columns(shuffled)) == pytest.approx(classification.summarise(columns(rows)))


def test_perfect_answers_score_perfectly() -> None:
    truth = np.array([0.0, 1.0, 1.0, 0.0])
    metrics = classification.summarise({"probability": truth, "truth": truth})
    best = dict.fromkeys(("auc", "average_precision", "accuracy", "balanced_accuracy", "precision_at_recall_95"), 1.0)
    assert metrics == pytest.approx({**best, "brier": 0.0, "log_loss": 0.0}, abs=1e-6)


def test_certain_and_wrong_costs_much_but_not_everything() -> None:
    metrics = classification.summarise({"probability": np.array([0.0]), "truth": np.array([1.0])})
    assert metrics["log_loss"] == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(
    ("truth", "undefined"),
    [
        ([1.0, 1.0], {"auc", "balanced_accuracy"}),
        ([0.0, 0.0], {"auc", "average_precision", "balanced_accuracy", "precision_at_recall_95"}),
        ([], set(classification.summarise(HAND))),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_one_class_leaves_undefined_is_nan(truth: list[float], undefined: set[str]) -> None:
    metrics = classification.summarise({"probability": np.full(len(truth), 0.7), "truth": np.array(truth)})
    assert {name for name, value in metrics.items() if math.isnan(value)} == undefined
