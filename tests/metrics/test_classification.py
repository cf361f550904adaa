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
    assert classification.confusions(HAND).sum(axis=2).tolist() == [[1, 2], [0, 2]]


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
    counts = classification.confusions(table).sum(axis=2)
    assert counts.tolist() == sklearn_metrics.confusion_matrix(truth, answered).tolist()


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


@pytest.mark.parametrize(("true_temperature", "true_bias"), [(0.5, 0.0), (1.0, 0.0), (3.0, 1.5), (1.0, -2.0)])
def test_calibration_finds_by_how_much_logits_were_too_sure_and_of_which_class(
    true_temperature: float, true_bias: float
) -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, 20_000)
    positive = rng.random(20_000) < 1 / (1 + np.exp(-honest))
    found = classification.calibration(true_temperature * (honest - true_bias), positive)
    assert found == pytest.approx((true_temperature, true_bias), rel=0.08, abs=0.06)


def test_what_is_given_to_the_calibration_stays() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 2000)
    positive = rng.random(2000) < 1 / (1 + np.exp(-(logits - 1)))
    assert classification.calibration(logits, positive, temperature=2.0)[0] == 2.0
    assert classification.calibration(logits, positive, bias=0.25)[1] == 0.25
    assert classification.calibration(logits, positive, 2.0, 0.25) == (2.0, 0.25)


def test_calibrated_probabilities_are_better_by_every_proper_score() -> None:
    rng = np.random.default_rng(1)
    logits = 4 * rng.normal(0.5, 1, 3000)
    positive = rng.random(3000) < 1 / (1 + np.exp(-logits / 4 + 1))
    temperature, bias = classification.calibration(logits, positive)

    def summary(temperature: float, bias: float) -> dict[str, float]:
        return classification.summarise(answers(1 / (1 + np.exp(-logits / temperature - bias)), positive))

    after = summary(temperature, bias)
    for other in ((1.0, 0.0), (temperature * 1.2, bias), (temperature / 1.2, bias), (temperature, bias + 0.3)):
        assert after["log_loss"] < summary(*other)["log_loss"]
    before = summary(1.0, 0.0)
    for metric in ("calibration_error", "brier"):
        assert after[metric] < before[metric]
    assert after["calibration_error"] < 0.05


def test_few_images_move_a_calibration_little_and_none_not_at_all() -> None:
    none = np.zeros(0)
    assert classification.calibration(none, none > 0) == pytest.approx((1.0, 0.0), abs=1e-6)
    one = classification.calibration(np.array([-1.0]), np.array([True]))
    assert 0 < one[1] < 2
    assert 0.5 < one[0] < 2
    temperature, bias = classification.calibration(np.array([1.0, -2.0]), np.array([True, True]))
    assert np.isfinite(temperature)
    assert 0 < bias < 5  # one class only, and yet no certainty


def test_recalibration_mends_probabilities_of_another_acquisition_and_leaves_the_rest() -> None:
    """Logits of the new acquisition are shifted by -2 and twice as sure as they should be."""
    rng = np.random.default_rng(2)
    honest = rng.normal(0, 2, 600)
    positive = rng.random(600) < 1 / (1 + np.exp(-honest))
    shifted = answers(1 / (1 + np.exp(-2 * honest + 2)), positive)
    before = classification.summarise(shifted)
    after = classification.summarise(classification.recalibrated(shifted, 0.5))
    for metric in ("brier", "log_loss", "calibration_error"):
        assert after[metric] < before[metric]
    assert after["balanced_accuracy"] > before["balanced_accuracy"] + 0.02
    assert after["auc"] == pytest.approx(before["auc"], abs=0.02)  # parts are recalibrated each on other images
    again = classification.recalibrated(shifted, 0.5)
    assert np.array_equal(again["probability"], classification.recalibrated(shifted, 0.5)["probability"])


def test_the_threshold_stays_when_a_model_is_recalibrated() -> None:
    table = classification.recalibrated(answers([0.2, 0.9, 0.6, 0.4], [0, 1, 1, 0]), 0.7)
    assert table["answered"].tolist() == (table["probability"] >= 0.7).tolist()


def test_no_model_betters_the_ceiling_and_its_accuracy_is_the_mean_of_the_likelier_class() -> None:
    rng = np.random.default_rng(3)
    chance = rng.beta(0.4, 0.8, 50_000)
    columns = {"p_positive": chance, "truth": (rng.random(50_000) < chance).astype(float)}
    best = classification.summarise(classification.ceiling(columns))
    assert best["accuracy"] == pytest.approx(np.maximum(chance, 1 - chance).mean(), abs=0.005)
    for noise in (0.3, 1.0):
        logits = classification.logit(chance) + rng.normal(0, noise, len(chance))
        worse = classification.summarise(answers(1 / (1 + np.exp(-logits)), columns["truth"]))
        assert all(worse[name] < best[name] for name in ("auc", "average_precision", "accuracy"))
        assert all(worse[name] > best[name] for name in ("brier", "log_loss"))


def test_as_many_of_each_class_calibrate_as_a_random_draw_would() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(-3, 2, 40_000)
    positive = rng.random(40_000) < 1 / (1 + np.exp(-(logits / 1.5 + 0.5)))
    share = float(positive.mean())
    assert 0.15 < share < 0.3
    fewer = min(positive.sum(), (~positive).sum())
    even = np.concatenate([np.flatnonzero(positive)[:fewer], np.flatnonzero(~positive)[:fewer]])
    truth = (1.5, 0.5)
    assert classification.calibration(logits[even], positive[even], share=share) == pytest.approx(truth, abs=0.06)
    wrong = classification.calibration(logits[even], positive[even])
    assert wrong[1] > 1.2  # half of them are positive, so it believes that half of all are
    assert classification.calibration(logits, positive, share=share) == classification.calibration(logits, positive)
    one_class = classification.calibration(logits[:9], np.zeros(9, bool), share=0.3)
    assert one_class == classification.calibration(logits[:9], np.zeros(9, bool))


def test_the_threshold_keeps_the_share_of_positive_images() -> None:
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.95, 0.1])
    positive = np.array([True, True, True, True, False, False])
    halfway = {0.95: (0.6 + 0.1) / 2, 0.75: (0.7 + 0.6) / 2, 0.76: (0.6 + 0.1) / 2, 0.01: (0.9 + 0.8) / 2}
    for keep, expected in halfway.items():
        assert classification.threshold(probability, positive, keep) == pytest.approx(expected)
    assert classification.threshold(probability[:4], positive[:4], 1.0) == 0.3  # nothing lies below
    assert classification.threshold(probability, ~positive & False, 0.95) == 0.5


@pytest.mark.filterwarnings("error")
def test_a_probability_that_is_not_a_number_spoils_only_the_resamples_that_have_it() -> None:
    columns = {key: np.asarray(values, dtype=float) for key, values in HAND.items()}
    broken = {**columns, "probability": columns["probability"].copy()}
    broken["probability"][0] = np.nan
    others = np.ones(len(columns["truth"]))
    others[0] = 0
    found = classification.pooled(broken, np.stack([others, 1 - others]))
    alone = classification.summarise({key: values[1:] for key, values in columns.items()})
    for name in ("brier", "log_loss", "calibration_error"):
        assert found[name][0] == pytest.approx(alone[name])
        assert np.isnan(found[name][1])
