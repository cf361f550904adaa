"""How far a classifier agrees with itself over the crops of an acquisition."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.tasks.classification import agreement


def test_the_reliability_by_hand() -> None:
    first = np.array([-2.0, 2.0])
    assert agreement.reliability(first, first) == 1
    # variance of (-2, 2, -1, 1) is 2.5, the mean squared difference 1
    assert agreement.reliability(first, np.array([-1.0, 1.0])) == pytest.approx(1 - 1 / 2 / 2.5)
    assert agreement.reliability(first, -first) == 0  # not below
    assert agreement.reliability(np.ones(3), np.ones(3)) == 1


def test_the_view_is_upside_down_and_larger_and_of_the_same_size() -> None:
    crop = np.zeros((40, 50, 3), np.uint8)
    crop[10:20, 20:30] = 200
    view = agreement.view(crop)
    assert view.shape == crop.shape
    rows, columns = np.nonzero(view[..., 0] > 100)
    assert rows.mean() == pytest.approx(39 - (19.5 + agreement.MAGNIFIED * (14.5 - 19.5)), abs=0.6)
    assert columns.mean() == pytest.approx(24.5, abs=0.6)
    assert np.ptp(columns) + 1 == pytest.approx(10 * agreement.MAGNIFIED, abs=1.1)


def both(spread: float, noise: float, count: int = 60, mean: float = 0.0) -> list[tuple[float, float]]:
    """Logits of crops and of their views."""
    rng = np.random.default_rng(0)
    logits = mean + rng.normal(0, spread, count)
    return [(logit + rng.normal(0, noise), logit + rng.normal(0, noise)) for logit in logits]


def test_an_acquisition_whose_logits_are_chance_is_doubtful_though_every_answer_is_sure() -> None:
    usual = np.array(agreement.doubted(both(4, 0.5), 0.5))
    confused = np.array(
        agreement.doubted(both(0.5, 1.0, mean=-8), 0.5)
    )  # all are called bad, with a probability above 0.99
    assert (usual > agreement.DOUBTS.limit).mean() < 0.2
    assert (confused > agreement.DOUBTS.limit).all()


def test_within_an_acquisition_those_are_doubted_more_of_which_the_model_is_less_sure() -> None:
    pairs = [*both(4, 0.5), (0.1, -0.1), (9.0, 9.0)]
    doubts = agreement.doubted(pairs, 0.5)
    assert doubts[-2] > agreement.DOUBTS.limit
    assert doubts[-1] < min(doubts[-2], np.mean(doubts))
    assert min(doubts) >= 0
    assert max(doubts) <= 1


def test_of_a_few_crops_only_the_certainty_is_known() -> None:
    logits = np.log([0.8 / 0.2, 0.6 / 0.4, 0.1 / 0.9])
    assert agreement.doubted([(each, each) for each in logits], 0.7) == pytest.approx([0.2, 0.6, 0.1])
    assert agreement.doubted([(logits[0], logits[1])], 0.5) == pytest.approx([0.3])


@pytest.mark.parametrize("logit", [1e9, np.inf, -np.inf])
def test_logits_of_certain_answers_are_bounded(logit: float) -> None:
    assert np.isfinite(agreement.doubted([(logit, -logit)] * 12, 0.5)).all()
