"""Confident learning on tables small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.data.label_errors import judge


def test_a_table_counted_by_hand() -> None:
    # of class 0 four sure and one that looks like class 1; of class 1 four sure and none that looks like class 0
    positive = np.array([0.1, 0.1, 0.2, 0.2, 0.95, 0.9, 0.9, 0.8, 0.8])
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    judged = judge(labels, np.column_stack([1 - positive, positive]))
    assert judged.order[0] == 4
    assert judged.suspected.tolist() == [i == 4 for i in range(9)]
    assert judged.confidence == pytest.approx([0.9, 0.9, 0.8, 0.8, 0.05, 0.9, 0.9, 0.8, 0.8])
    assert judged.margin[4] == pytest.approx(0.05 - 0.95)
    # thresholds: mean of each class's own probability, 0.69 and 0.85; confident: four of (0, 0), one of (0, 1), two of (1, 1),
    # each row then scaled to the number of its labels, 5 and 4 of 9
    assert judged.joint == pytest.approx(np.array([[4 / 9, 1 / 9], [0, 4 / 9]]))


def test_the_rate_of_flipped_labels_is_estimated_and_the_flips_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3000)
    flipped = rng.uniform(size=3000) < 0.1
    labels = np.where(flipped, (truth + 1) % 3, truth)
    probabilities = rng.dirichlet([1, 1, 1], 3000) * 0.3
    probabilities[np.arange(3000), truth] += 0.7
    judged = judge(labels, probabilities)
    assert np.trace(judged.joint) == pytest.approx(0.9, abs=0.02)
    assert judged.joint.sum() == pytest.approx(1)
    assert flipped[judged.order[: flipped.sum()]].mean() > 0.99
    assert flipped[judged.suspected].mean() > 0.95


@pytest.mark.parametrize(
    ("labels", "shape"), [([0, 1, 1], (2, 2)), ([0, 0, 0], (3, 2)), ([0, 1, 2], (3, 2)), ([0, 1], (2,))]
)
def test_what_does_not_fit_is_refused(labels: list[int], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected|needs"):
        judge(np.array(labels), np.full(shape, 0.5))
