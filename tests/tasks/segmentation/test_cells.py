"""Cells from the probabilities of classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brightfield.tasks.segmentation.cells import instances_of, species_of
from brightfield.tasks.segmentation.masks import class_map
from labelled import rods

Labels = npt.NDArray[np.int32]


def perfect(labels: Labels) -> npt.NDArray[np.float32]:
    classes = class_map(labels, 2.0)
    return np.stack([classes == k for k in range(3)]).astype(np.float32)


@pytest.mark.parametrize("touching", [True, False])
def test_cells_come_back_from_perfect_probabilities(touching: bool) -> None:
    labels = rods(touching)
    probabilities = perfect(labels)
    found = instances_of(probabilities, probabilities.argmax(axis=0).astype(np.uint8), min_area_px=30)
    assert found.dtype == np.int32
    assert sorted(np.unique(found)) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(found > 0, labels > 0)  # contours are given back
    for cell in range(1, 5):
        number = np.bincount(found[labels == cell]).argmax()
        assert ((found == number) & (labels == cell)).sum() / ((found == number) | (labels == cell)).sum() > 0.9


def test_small_regions_are_no_cells_and_numbers_have_no_gaps() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[2:9, 2:9], labels[20:36, 20:36] = 1, 2  # 49 and 256 px
    probabilities = perfect(labels)
    classes = probabilities.argmax(axis=0).astype(np.uint8)
    assert instances_of(probabilities, classes, min_area_px=49).max() == 2
    found = instances_of(probabilities, classes, min_area_px=50)
    assert sorted(np.unique(found)) == [0, 1]
    np.testing.assert_array_equal(found == 1, labels == 2)


def test_without_a_body_there_is_no_cell() -> None:
    probabilities = np.zeros((3, 10, 12), np.float32)
    probabilities[2] = 1.0  # contour everywhere
    assert not instances_of(probabilities, np.full((10, 12), 2, np.uint8), 1).any()


def test_a_doubtful_contour_belongs_to_the_cell_only_where_it_is_likelier_than_background() -> None:
    probabilities = np.zeros((3, 1, 7), np.float32)
    probabilities[:, 0] = np.array(
        [[1, 0.6, 0.4, 0, 0.4, 0.6, 1], [0, 0, 0, 1, 0, 0, 0], [0, 0.4, 0.6, 0, 0.6, 0.4, 0]], np.float32
    )
    found = instances_of(probabilities, probabilities.argmax(axis=0).astype(np.uint8), 1)
    assert found[0].tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_cells_joined_by_doubtful_pixels_come_apart() -> None:
    probabilities = np.zeros((3, 12, 30), np.float32)
    probabilities[0] = 1
    for columns, body in ((slice(2, 13), 0.9), (slice(13, 16), 0.55), (slice(16, 28), 0.9)):
        probabilities[:, 2:10, columns] = np.array([0, body, 1 - body], np.float32)[:, None, None]
    classes = probabilities.argmax(axis=0).astype(np.uint8)
    assert instances_of(probabilities, classes, 1).max() == 1
    found = instances_of(probabilities, classes, 1, seed_probability=0.65)
    assert found.max() == 2
    assert len(np.unique(found[2:10, 2:12])) == len(np.unique(found[2:10, 18:28])) == 1
    assert ((found > 0) == (classes > 0)).all()  # the doubtful pixels belong to one of them


def test_a_cell_that_is_nowhere_sure_is_kept() -> None:
    probabilities = np.zeros((3, 12, 12), np.float32)
    probabilities[0] = 1
    probabilities[:, 2:10, 2:10] = np.array([0.2, 0.5, 0.3], np.float32)[:, None, None]
    classes = np.zeros((12, 12), np.uint8)
    classes[2:10, 2:10] = 1
    assert (instances_of(probabilities, classes, 1, seed_probability=0.65) > 0).sum() == 64


def test_a_cell_is_of_the_species_that_its_pixels_say_together() -> None:
    """By hand: cell 1 has shares of species 2 of 0.9, 0.4 and 0.2, mean 0.5; cell 2 of 0.75, background left out."""
    probabilities = np.zeros((5, 1, 4), np.float32)
    probabilities[1:, 0, 0] = [0.1, 0, 0.9, 0]
    probabilities[1:, 0, 1] = [0.3, 0.3, 0.2, 0.2]
    probabilities[1:, 0, 2] = [0.7, 0.1, 0, 0.2]
    probabilities[:, 0, 3] = [0.6, 0.1, 0, 0, 0.3]
    species, certainty = species_of(probabilities, np.array([[1, 1, 1, 2]], np.int32))
    assert species[2] == 2
    assert certainty.tolist() == pytest.approx([0, 0.5, 0.75])
    nothing, _ = species_of(probabilities, np.zeros((1, 4), np.int32))
    assert nothing.tolist() == [0]
