"""Three classes without species, two for each species with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brightfield.tasks.segmentation.masks import class_map, most_probable, parts, parts_probability


def drawn(text: str) -> npt.NDArray[np.int32]:
    """A label image from a drawing, ``.`` is 0."""
    rows = [row.split() for row in text.strip().splitlines()]
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.int32)


# 1 and 2 touch, 3 stands alone in the corner
CELLS = drawn("""
    1 1 1 2 2 2 .
    1 1 1 2 2 2 .
    1 1 1 2 2 2 .
    1 1 1 2 2 2 .
    . . . . . . .
    3 3 3 . . . .
    3 3 3 . . . .
    3 3 3 . . . .
""")
SPECIES = np.array([0, 1, 2, 2], np.uint8)
THREE = drawn("""
    1 1 2 2 1 2 .
    1 1 2 2 1 2 .
    1 1 2 2 1 2 .
    2 2 2 2 2 2 .
    . . . . . . .
    2 2 2 . . . .
    1 1 2 . . . .
    1 1 2 . . . .
""")
FIVE = drawn("""
    1 1 2 4 3 4 .
    1 1 2 4 3 4 .
    1 1 2 4 3 4 .
    2 2 2 4 4 4 .
    . . . . . . .
    4 4 4 . . . .
    3 3 4 . . . .
    3 3 4 . . . .
""")


def test_three_classes_as_drawn_by_hand() -> None:
    classes = class_map(CELLS, 1.0)
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, THREE)


def test_five_classes_as_drawn_by_hand() -> None:
    classes = class_map(CELLS, 1.0, SPECIES, "species")
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, FIVE)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)),
    st.lists(st.integers(1, 4), min_size=3, max_size=3),
    st.sampled_from([1.0, 1.5, 2.0, 3.0]),
)
def test_species_split_the_three_classes_and_move_nothing(
    labels: npt.NDArray[np.int32], kinds: list[int], contour_px: float
) -> None:
    species = np.array([0, *kinds], np.uint8)
    three, split = class_map(labels, contour_px), class_map(labels, contour_px, species, "species")
    np.testing.assert_array_equal(split == 0, three == 0)
    cells = labels > 0
    np.testing.assert_array_equal((split[cells] + 1) // 2, species[labels][cells])
    np.testing.assert_array_equal((split[cells] - 1) % 2 + 1, three[cells])


@pytest.mark.parametrize(("species", "match"), [([0, 1], "each of 3 instances"), ([0, 1, 0, 2], "at least 1")])
def test_an_instance_without_a_species_is_refused(species: list[int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        class_map(CELLS, 1.0, np.array(species, np.uint8), "species")


def test_two_classes_know_no_contour() -> None:
    np.testing.assert_array_equal(class_map(CELLS, 1.0, scheme="cells"), (CELLS > 0).astype(np.uint8))


def test_species_put_together_are_the_three_classes() -> None:
    np.testing.assert_array_equal(parts(FIVE), THREE)
    probabilities = np.zeros((5, 1, 2), np.float32)
    probabilities[:, 0] = [[0.1, 0], [0.2, 0.5], [0.3, 0], [0.05, 0.5], [0.35, 0]]
    np.testing.assert_allclose(parts_probability(probabilities)[:, 0], [[0.1, 0], [0.25, 1.0], [0.65, 0]], atol=1e-6)


# --- contours of any width, at the border of the image as well ---------------------------------------------------------


# Two cells that touch; the left one goes on beyond the left border and the second beyond the lower right corner.
BORDERED = drawn("""
    . . . . . . . . . .
    1 1 1 1 1 2 2 2 2 .
    1 1 1 1 1 2 2 2 2 2
    1 1 1 1 1 2 2 2 2 2
    1 1 1 1 1 2 2 2 2 2
    1 1 1 1 1 2 2 2 2 2
    . . . . . 2 2 2 2 2
""")
WITHIN_1 = drawn("""
    . . . . . . . . . .
    2 2 2 2 2 2 2 2 2 .
    1 1 1 1 2 2 1 1 1 2
    1 1 1 1 2 2 1 1 1 1
    1 1 1 1 2 2 1 1 1 1
    2 2 2 2 2 2 1 1 1 1
    . . . . . 2 1 1 1 1
""")
WITHIN_2 = drawn("""
    . . . . . . . . . .
    2 2 2 2 2 2 2 2 2 .
    2 2 2 2 2 2 2 2 2 2
    1 1 1 2 2 2 2 1 1 2
    2 2 2 2 2 2 2 1 1 1
    2 2 2 2 2 2 2 1 1 1
    . . . . . 2 2 1 1 1
""")
WITHIN_1_5 = drawn("""
    . . . . . . . . . .
    2 2 2 2 2 2 2 2 2 .
    1 1 1 1 2 2 1 1 2 2
    1 1 1 1 2 2 1 1 1 1
    1 1 1 1 2 2 1 1 1 1
    2 2 2 2 2 2 1 1 1 1
    . . . . . 2 1 1 1 1
""")


@pytest.mark.parametrize(("contour_px", "expected"), [(1.0, WITHIN_1), (1.5, WITHIN_1_5), (2.0, WITHIN_2)])
def test_contours_of_any_width_as_drawn_by_hand(contour_px: float, expected: npt.NDArray[np.int32]) -> None:
    """Touching cells have a contour on either side; the border of the image is none."""
    np.testing.assert_array_equal(class_map(BORDERED, contour_px), expected)


@pytest.mark.parametrize("labels", [np.zeros((5, 7), np.int32), np.ones((5, 7), np.int32), np.ones((1, 1), np.int32)])
def test_a_field_without_an_edge_has_no_contour(labels: npt.NDArray[np.int32]) -> None:
    np.testing.assert_array_equal(class_map(labels, 2.0), labels.astype(np.uint8))


def by_definition(labels: npt.NDArray[np.int32], contour_px: float) -> npt.NDArray[np.uint8]:
    """Pixel by pixel: the distance to the nearest pixel of anything else."""
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    classes = np.zeros(labels.shape, np.uint8)
    for i, j in np.argwhere(labels > 0):
        others = labels != labels[i, j]
        distance = np.hypot(y - i, x - j)[others].min(initial=np.inf)
        classes[i, j] = 2 if distance <= contour_px else 1
    return classes


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2)),
    st.sampled_from([1.0, 1.5, 2.0, 2.5, 3.0, 4.2]),
)
def test_contours_are_as_the_definition_says(labels: npt.NDArray[np.int32], contour_px: float) -> None:
    np.testing.assert_array_equal(class_map(labels, contour_px), by_definition(labels, contour_px))


@pytest.mark.parametrize("classes", [1, 2, 3, 5])
def test_the_most_probable_class_is_the_first_of_equal_ones(classes: int) -> None:
    probabilities = np.random.default_rng(0).integers(0, 4, (classes, 30, 40)).astype(np.float32)
    found = most_probable(probabilities)
    np.testing.assert_array_equal(found, probabilities.argmax(axis=0))
    assert found.dtype == np.uint8
