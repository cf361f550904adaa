"""P values by hand, by their definition, and how often they are small by chance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from brightfield.metrics.paired_tests import delong, holm, mcnemar

FloatArray = npt.NDArray[np.float64]


# --- AUC --------------------------------------------------------------------------------------------------------------


def by_definition(truth: FloatArray, a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Difference of the AUCs and its standard error as the paper of DeLong et al. has them: sums over all pairs of images."""
    positive, negative = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    kernel = np.zeros((2, len(positive), len(negative)))
    for model, score in enumerate((a, b)):
        for i, x in enumerate(positive):
            for j, y in enumerate(negative):
                kernel[model, i, j] = float(score[x] > score[y]) + 0.5 * float(score[x] == score[y])
    of_positive, of_negative = np.cov(kernel.mean(axis=2)), np.cov(kernel.mean(axis=1))
    covariance = of_positive / len(positive) + of_negative / len(negative)
    contrast = np.array([-1.0, 1.0])
    return float(contrast @ kernel.mean(axis=(1, 2))), math.sqrt(contrast @ covariance @ contrast)


def scores(seed: int, images: int = 60, levels: int = 7) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Truth and two models' scores, with ties."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(images) < 0.4).astype(float)
    a, b = (np.round(levels * (0.3 * truth + rng.random(images))) for _ in range(2))
    return truth, a, b


@pytest.mark.parametrize("seed", range(5))
def test_of_single_images_it_is_the_test_of_the_paper(seed: int) -> None:
    truth, a, b = scores(seed)
    difference, error = by_definition(truth, a, b)
    rarer = min(truth.sum(), (1 - truth).sum())
    expected = 2 * stats.t.sf(abs(difference) / error, rarer - 1)
    assert delong(truth, a, b, range(len(truth))) == pytest.approx(expected, rel=1e-9)


def test_copies_of_an_image_in_its_group_add_no_certainty() -> None:
    truth, a, b = scores(1)
    b += 2 * truth
    images = range(len(truth))
    once = delong(truth, a, b, images)
    copied = [np.repeat(each, 9) for each in (truth, a, b)]
    assert delong(*copied, np.repeat(images, 9)) == pytest.approx(once, rel=1e-9)
    assert delong(*copied, range(9 * len(truth))) < 0.5 * once


def test_a_group_with_both_classes_moves_both_together() -> None:
    """By hand: 2 groups of one positive and one negative image each; Obuchowski's formula."""
    truth = [1, 0, 1, 0]
    a, b = [0.9, 0.1, 0.8, 0.2], [0.9, 0.85, 0.8, 0.2]  # b puts one negative image above one positive one: 1 and 0.75
    # components of b - a: positive 0 and -0.5, negative -0.5 and 0; their mean is -0.25
    sums = np.array([[0.25, -0.25], [-0.25, 0.25]])  # of positive and of negative images, by group
    own = [2 / 1 * np.sum(each**2) / 4 for each in sums]
    shared = 2 / 1 * np.sum(sums[0] * sums[1]) / 4
    variance = sum(own) + 2 * shared
    assert variance == 0  # what one class loses in a group the other gains
    assert math.isnan(delong(truth, a, b, ["x", "x", "y", "y"]))
    assert 0 < delong(truth, a, b, ["x", "y", "z", "u"]) < 1


def test_equal_models_have_p_1() -> None:
    truth, a, _ = scores(2)
    assert delong(truth, a, a, range(len(truth))) == 1
    assert delong(truth, a, 2 * a + 5, range(len(truth))) == 1  # the order counts


@pytest.mark.parametrize(
    ("truth", "groups"),
    [([1, 1, 1, 1], "abcd"), ([0, 0, 0, 0], "abcd"), ([1, 0, 1, 0], "aaaa"), ([1, 0, 0, 0], "abcd"), ([], "")],
)
def test_where_nothing_can_be_told_it_is_nan(truth: list[int], groups: str) -> None:
    a, b = np.arange(len(truth), dtype=float), np.arange(len(truth), dtype=float)[::-1]
    assert math.isnan(delong(truth, a, b, list(groups)))


@pytest.mark.parametrize("groups", [8, 30])
def test_equal_models_are_told_apart_by_chance_once_in_twenty_times(groups: int) -> None:
    """Images of a group share the light, which moves the scores of both models, each in its own way."""
    rng, small, experiments = np.random.default_rng(groups), 0, 600
    group = np.repeat(np.arange(groups), 12)
    for _ in range(experiments):
        truth = (rng.random(len(group)) < 0.35).astype(float)
        a, b = (
            1.5 * truth + rng.normal(0, 0.5, groups)[group] + rng.normal(0, 0.7, groups)[group] * truth
            + rng.normal(0, 1, len(group))
            for _ in range(2)
        )  # fmt: skip
        small += delong(truth, a, b, group) < 0.05
    low, high = stats.binom.ppf([0.001, 0.999], experiments, 0.05)
    assert low <= small <= high


@pytest.mark.parametrize("with_positives", [2, 4])
def test_where_few_groups_have_the_rarer_class_chance_is_rarely_taken_for_a_difference(with_positives: int) -> None:
    """40 smears, of which a few have good cells: what is known of these decides."""
    rng, small, experiments = np.random.default_rng(with_positives), 0, 400
    group = np.repeat(np.arange(40), 12)
    for _ in range(experiments):
        truth = ((group < with_positives) & (rng.random(len(group)) < 0.5)).astype(float)
        a, b = (1.5 * truth + rng.normal(0, 0.7, 40)[group] + rng.normal(0, 1, len(group)) for _ in range(2))
        small += delong(truth, a, b, group) < 0.05
    assert small <= stats.binom.ppf(0.999, experiments, 0.08)


def test_scores_that_are_no_numbers_tell_nothing() -> None:
    truth, a, b = scores(3)
    b[0] = np.nan
    assert math.isnan(delong(truth, a, b, range(len(truth))))


def test_a_better_model_is_found() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(20), 10)
    truth = (rng.random(200) < 0.5).astype(float)
    a, b = (gain * truth + rng.normal(0, 1, 200) for gain in (0.5, 2.5))
    assert delong(truth, a, b, group) < 0.001


# --- shares of correct answers ----------------------------------------------------------------------------------------


def test_mcnemar_counts_the_images_that_one_model_alone_answers() -> None:
    """8 that only b has right and 1 that only a has: 2 (1 + 9) / 2^9. The others say nothing."""
    a = [1] + [0] * 8 + [1] * 50 + [0] * 5
    b = [0] + [1] * 8 + [1] * 50 + [0] * 5
    assert mcnemar(a, b) == pytest.approx(20 / 512)
    assert mcnemar(b, a) == pytest.approx(20 / 512)


def test_models_that_are_right_together_have_p_1() -> None:
    assert mcnemar([1, 0, 1], [1, 0, 1]) == 1


# --- many tests -------------------------------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    """The smallest times 4, the next times 3 ..., never less than the one before, at most 1."""
    assert holm({"a": 0.02, "b": 0.01, "c": 0.5, "d": 0.03}) == pytest.approx(
        {"a": 0.06, "b": 0.04, "c": 0.5, "d": 0.06}
    )
    assert holm({"a": 0.9, "b": 0.8}) == pytest.approx({"a": 1.0, "b": 1.0})


def test_an_undefined_p_value_stays_and_does_not_count() -> None:
    found = holm({"a": 0.02, "b": math.nan, "c": 0.04})
    assert (found["a"], found["c"]) == pytest.approx((0.04, 0.04))
    assert math.isnan(found["b"])
    assert holm({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_corrected_p_value_is_no_smaller_and_keeps_the_order(p: list[float]) -> None:
    found = holm(dict(enumerate(p)))
    assert all(p[i] <= found[i] <= min(1.0, len(p) * p[i]) + 1e-12 or found[i] >= p[i] for i in range(len(p)))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [found[i] for i in order] == sorted(found.values())
    assert list(found) == list(range(len(p)))
    assert found[order[0]] == pytest.approx(min(1.0, len(p) * p[order[0]]))
