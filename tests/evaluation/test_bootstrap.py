"""Intervals that cover what they should, and differences that are paired."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest

from brightfield.errors import BrightfieldError
from brightfield.evaluation import bootstrap
from brightfield.evaluation.bootstrap import Difference, Interval, intervals, paired_difference
from brightfield.metrics import Arrays, Real, Weights, classification, mean


def mean_of_x(columns: Arrays, weights: Weights) -> dict[str, Real]:
    return {"mean": mean(columns["x"], weights)}


def scored(seed: int, noise: float, images: int = 300) -> pd.DataFrame:
    """Answers of a made-up classifier to the same images, whatever the seed."""
    truth = (np.arange(images) % 3 == 0).astype(float)
    logit = 2 * truth - 1 + np.random.default_rng(seed).normal(0, noise, images)
    ids = [f"image{i}" for i in range(images)]
    return pd.DataFrame(
        {"id": ids, "probability": 1 / (1 + np.exp(-logit)), "answered": 1.0 * (logit >= 0), "truth": truth}
    )


GROUPS = [f"smear{i % 30}" for i in range(300)]
HOW = {"resamples": 200, "confidence": 0.95, "seed": 0}


# --- intervals ------------------------------------------------------------------------------------------------------


def test_interval_of_a_mean_agrees_with_theory() -> None:
    x = np.random.default_rng(1).normal(5, 2, 400)
    found = intervals(pd.DataFrame({"x": x}), range(400), mean_of_x, resamples=2000, confidence=0.9, seed=0)["mean"]
    half = 1.645 * x.std() / math.sqrt(400)
    assert found.value == pytest.approx(x.mean(), rel=1e-12)
    assert found.low == pytest.approx(x.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(x.mean() + half, abs=0.1 * half)


def test_a_seed_draws_the_same_groups_however_many_resamples_are_pooled_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many groups as there are, one resample after the other."""
    x, groups = np.random.default_rng(2).normal(5, 2, 12), np.arange(12) // 3
    table, rng = pd.DataFrame({"x": x}), np.random.default_rng(7)
    drawn = [np.concatenate([x[groups == group] for group in rng.integers(0, 4, 4)]).mean() for _ in range(300)]
    for at_once in (bootstrap.AT_ONCE, 100):
        monkeypatch.setattr(bootstrap, "AT_ONCE", at_once)
        found = intervals(table, groups, mean_of_x, resamples=300, confidence=0.9, seed=7)["mean"]
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])), rel=1e-12)


def test_nominal_90_percent_covers_the_truth_about_that_often() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for experiment in range(200):
        groups = np.repeat(np.arange(30), 3)
        x = rng.normal(0, 1, 30)[groups] + rng.normal(0, 0.5, 90)  # images of a group are alike
        table = pd.DataFrame({"x": x})
        found = intervals(table, groups, mean_of_x, resamples=120, confidence=0.9, seed=experiment)["mean"]
        covered += found.low <= 0 <= found.high
    assert 0.80 <= covered / 200 <= 0.97


def test_copies_within_a_group_add_no_certainty() -> None:
    x = np.random.default_rng(2).normal(0, 1, 50)
    once = pd.DataFrame({"x": x})
    copied = pd.DataFrame({"x": np.repeat(x, 9)})
    honest = intervals(once, range(50), mean_of_x, **HOW)["mean"]
    clustered = intervals(copied, np.repeat(np.arange(50), 9), mean_of_x, **HOW)["mean"]
    naive = intervals(copied, range(450), mean_of_x, **HOW)["mean"]
    assert clustered.high - clustered.low == pytest.approx(honest.high - honest.low)
    assert naive.high - naive.low == pytest.approx((honest.high - honest.low) / 3, rel=0.25)


def test_groups_of_different_size_are_taken_whole() -> None:
    groups = ["a", "b", "b", "b", "c", "c"]
    seen: list[tuple[float, ...]] = []

    def record(columns: Arrays, weights: Weights) -> dict[str, Real]:
        seen.extend(tuple(np.repeat(columns["x"], drawn.astype(int))) for drawn in weights)
        return {"rows": weights.sum(axis=1)}

    intervals(pd.DataFrame({"x": [1, 2, 3, 4, 5, 6]}), groups, record, **HOW)
    for rows in seen[1:]:
        assert rows.count(2) == rows.count(3) == rows.count(4)
        assert rows.count(5) == rows.count(6)
        assert rows.count(1) + rows.count(2) + rows.count(5) == 3  # as many groups as there are
    assert len(set(seen)) == 10  # every way of drawing three of three


def test_the_same_seed_gives_the_same_interval_however_the_rows_are_ordered() -> None:
    table = scored(0, 1.0)
    again = intervals(table, GROUPS, classification.pooled, **HOW)
    assert intervals(table, GROUPS, classification.pooled, **HOW) == again
    order = np.random.default_rng(3).permutation(300)
    shuffled = intervals(table.iloc[order], [GROUPS[i] for i in order], classification.pooled, **HOW)
    assert shuffled["auc"].low == pytest.approx(again["auc"].low)
    other = intervals(table, GROUPS, classification.pooled, **{**HOW, "seed": 1})
    assert other["auc"].low != again["auc"].low


def test_every_metric_has_an_interval_around_it() -> None:
    found = intervals(scored(0, 1.0), GROUPS, classification.pooled, **HOW)
    assert set(found) == set(
        classification.summarise({name: np.array([1.0]) for name in ("probability", "answered", "truth")})
    )
    assert all(each.low <= each.value <= each.high for each in found.values())
    assert found["auc"].as_dict() == {"value": found["auc"].value, "low": found["auc"].low, "high": found["auc"].high}


def test_resamples_without_a_class_are_left_out() -> None:
    table = pd.DataFrame(
        {"probability": [0.9, 0.8, 0.3, 0.2], "answered": [1.0, 1.0, 0.0, 0.0], "truth": [1.0, 1.0, 0.0, 0.0]}
    )
    found = intervals(table, ["a", "a", "b", "b"], classification.pooled, **HOW)
    assert found["auc"] == Interval(1.0, 1.0, 1.0)


@pytest.mark.filterwarnings("error")
def test_one_group_or_one_class_says_nothing() -> None:
    single = intervals(scored(0, 1.0), ["smear"] * 300, classification.pooled, **HOW)["auc"]
    assert single.value > 0.5
    assert math.isnan(single.low)
    assert math.isnan(single.high)
    good = scored(0, 1.0).assign(truth=1.0)
    assert math.isnan(intervals(good, GROUPS, classification.pooled, **HOW)["auc"].low)


def test_one_group_a_row() -> None:
    with pytest.raises(ValueError, match="300 expected, got 299"):
        intervals(scored(0, 1.0), GROUPS[:-1], classification.pooled, **HOW)


# --- differences ----------------------------------------------------------------------------------------------------


def test_identical_tables_differ_by_exactly_nothing() -> None:
    table = scored(0, 1.0)
    found = paired_difference(table, table.copy(), GROUPS, classification.pooled, "auc", **HOW)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert (found.resamples, found.groups) == (200, 30)
    assert not found.better("maximize")
    assert not found.favours("maximize")
    assert not found.favours("minimize")


def test_pairing_removes_what_the_images_share() -> None:
    rng = np.random.default_rng(0)
    difficulty = rng.normal(0, 5, 100)
    a = pd.DataFrame({"id": range(100), "x": difficulty})
    b = pd.DataFrame({"id": range(100), "x": difficulty + rng.normal(0.2, 0.1, 100)})
    alone = intervals(a, range(100), mean_of_x, **HOW)["mean"]
    found = paired_difference(a, b, range(100), mean_of_x, "mean", **HOW)
    assert found.value == pytest.approx(0.2, abs=0.03)
    assert found.high - found.low < (alone.high - alone.low) / 20
    assert found.favours("maximize")
    assert not found.favours("minimize")


def test_a_better_classifier_is_favoured_whichever_way_it_is_asked() -> None:
    weak, strong = scored(0, 3.0), scored(1, 0.5)
    forward = paired_difference(weak, strong, GROUPS, classification.pooled, "auc", **HOW)
    backward = paired_difference(strong, weak, GROUPS, classification.pooled, "auc", **HOW)
    assert forward.favours("maximize")
    assert not backward.favours("maximize")
    assert [backward.value, backward.low, backward.high] == pytest.approx([-forward.value, -forward.high, -forward.low])
    assert forward.value == pytest.approx(forward.b - forward.a)
    loss = paired_difference(weak, strong, GROUPS, classification.pooled, "log_loss", **HOW)
    assert loss.favours("minimize")


@pytest.mark.parametrize(
    ("low", "value", "high", "better", "favours"),
    [
        (0.1, 0.2, 0.3, True, True),
        (-0.1, 0.2, 0.3, True, False),
        (0.0, 0.2, 0.3, True, False),
        (-0.3, -0.2, -0.1, False, False),
    ],
)
def test_favours_needs_the_whole_interval(low: float, value: float, high: float, better: bool, favours: bool) -> None:
    up = Difference("auc", 0.5, 0.5 + value, value, low, high, 100, 10)
    assert (up.better("maximize"), up.favours("maximize")) == (better, favours)
    down = Difference("auc", 0.5, 0.5 - value, -value, -high, -low, 100, 10)
    assert (down.better("minimize"), down.favours("minimize")) == (better, favours)


def test_nothing_is_favoured_without_an_interval() -> None:
    found = paired_difference(scored(0, 3.0), scored(1, 0.5), ["smear"] * 300, classification.pooled, "auc", **HOW)
    assert found.better("maximize")
    assert math.isnan(found.low)
    assert not found.favours("maximize")
    assert found.groups == 1


def test_other_images_or_another_order_are_refused() -> None:
    table = scored(0, 1.0)
    with pytest.raises(BrightfieldError, match=r"same images in another order"):
        paired_difference(table, table.iloc[::-1], GROUPS, classification.pooled, "auc", **HOW)
    other = table.assign(id=[f"picture{i}" for i in range(300)])
    with pytest.raises(BrightfieldError, match=r"300 are only in the first \(\['image0'.*same version of the dataset"):
        paired_difference(table, other, GROUPS, classification.pooled, "auc", **HOW)


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ValueError, match=r"one of auc, .*, got 'area'"):
        paired_difference(scored(0, 1.0), scored(1, 1.0), GROUPS, classification.pooled, "area", **HOW)


def test_two_thousand_resamples_of_a_thousand_images_take_seconds() -> None:
    a, b = scored(0, 1.0, 1000), scored(1, 1.0, 1000)
    start = time.perf_counter()
    paired_difference(a, b, range(1000), classification.pooled, "auc", resamples=2000, confidence=0.95, seed=0)
    assert time.perf_counter() - start < 15  # 1.3 s on an idle machine
