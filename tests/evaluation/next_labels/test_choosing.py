"""Which images are chosen, by hand."""

from __future__ import annotations

import numpy as np

from brightfield.evaluation.next_labels.choosing import choose, outsideness, standardised


def test_disputed_images_far_from_each_other_and_from_what_is_labelled() -> None:
    """Candidates at 1, 2 ... 7, the less disputed the farther; what is labelled lies at 0."""
    places = np.arange(1.0, 8)[:, None]
    apart = np.array([8, 7, 6, 5, 4, 3, 2.0])
    found = choose(apart, places, np.zeros((1, 1)), 2)
    # products 8, 14, 18, 20, 20, 18, 14: first the one at 4; then those with the distance from 0 or 4: 8, 14, 6, 0, 4, 6, 6
    assert places[found].ravel().tolist() == [4, 2]


def test_a_copy_of_a_chosen_image_is_not_chosen_as_well() -> None:
    features = np.array([[5.0], [5.0], [1.0], [0.0]])
    found = choose(np.array([1.0, 1.0, 0.5, 0.1]), features, np.zeros((1, 1)), 2)
    assert sorted(features[found].ravel().tolist()) == [1, 5]


def test_each_image_is_chosen_once_and_no_more_than_there_are() -> None:
    features = np.zeros((3, 2))
    assert sorted(choose(np.zeros(3), features, features, 10).tolist()) == [0, 1, 2]


def test_without_labels_all_are_outside_alike() -> None:
    assert np.isinf(outsideness(np.zeros((2, 3)), np.empty((0, 3)))).all()
    assert outsideness(np.array([[3.0, 4.0]]), np.zeros((1, 2))).tolist() == [5.0]


def test_constant_features_do_not_count() -> None:
    by = np.array([[1.0, 7.0], [3.0, 7.0]])
    np.testing.assert_allclose(standardised(np.array([[4.0, 9.0]]), by), [[2.0, 0.0]])
