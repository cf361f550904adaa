"""Classes from instances and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brightfield import params
from brightfield.results import ClassMap
from brightfield.tasks.segmentation import Segmentation, instances_of
from brightfield.tasks.segmentation.masks import class_map

Labels = npt.NDArray[np.int32]


def drawn(text: str) -> npt.NDArray[np.int32]:
    """A label image from a drawing, ``.`` is 0."""
    rows = [row.split() for row in text.strip().splitlines()]
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.int32)


# Two cells that touch; the left one goes on beyond the left border and the second beyond the lower right corner.
CELLS = drawn("""
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
def test_contours_as_drawn_by_hand(contour_px: float, expected: Labels) -> None:
    """Touching cells have a contour on either side; the border of the image is none."""
    np.testing.assert_array_equal(class_map(CELLS, contour_px), expected)


@pytest.mark.parametrize("labels", [np.zeros((5, 7), np.int32), np.ones((5, 7), np.int32), np.ones((1, 1), np.int32)])
def test_a_field_without_an_edge_has_no_contour(labels: Labels) -> None:
    np.testing.assert_array_equal(class_map(labels, 2.0), labels.astype(np.uint8))


def by_definition(labels: Labels, contour_px: float) -> npt.NDArray[np.uint8]:
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
def test_contours_are_as_the_definition_says(labels: Labels, contour_px: float) -> None:
    np.testing.assert_array_equal(class_map(labels, contour_px), by_definition(labels, contour_px))


# --- and back ---------------------------------------------------------------------------------------------------------


def field(touching: bool = True) -> Labels:
    """Rods side by side, 10 px wide, and a disc across the border of the image."""
    labels = np.zeros((80, 70), np.int32)
    gap = 0 if touching else 4
    for number in range(3):
        top = 5 + number * (10 + gap)
        labels[top : top + 10, 8:48] = number + 1
    y, x = np.mgrid[:80, :70]
    labels[np.hypot(y - 74, x - 60) < 12] = 4
    return labels


def perfect(labels: Labels) -> npt.NDArray[np.float32]:
    classes = class_map(labels, 2.0)
    return np.stack([classes == k for k in range(3)]).astype(np.float32)


@pytest.mark.parametrize("touching", [True, False])
def test_cells_come_back_from_perfect_probabilities(touching: bool) -> None:
    labels = field(touching)
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


# --- weights and tables -----------------------------------------------------------------------------------------------


def training_of(balance: bool) -> params.Training:
    return params.Training(epochs=1, balance="loss" if balance else "none")


def test_classes_are_weighed_by_the_inverse_square_root_of_their_share() -> None:
    """By hand: shares 0.64, 0.32, 0.04 -> 1.25, 1.7678, 5 -> divided by sum(share * weight) = 1.5657."""
    task = Segmentation(params.SegmentationSettings())
    target = torch.tensor([0] * 64 + [1] * 32 + [2] * 4).reshape(10, 10)
    samples = task.dataset([])
    samples.targets = [target, target]
    task.observe(samples, training_of(balance=True))
    assert task.class_weights is not None
    np.testing.assert_allclose(task.class_weights, np.array([1.25, 1.767767, 5.0]) / 1.565685, rtol=1e-5)
    share = torch.tensor([0.64, 0.32, 0.04])
    assert float((task.class_weights * share).sum()) == pytest.approx(1.0)


def test_a_class_that_never_occurs_does_not_make_weights_infinite() -> None:
    task = Segmentation(params.SegmentationSettings())
    samples = task.dataset([])
    samples.targets = [torch.zeros(8, 8, dtype=torch.int64)]
    task.observe(samples, training_of(balance=True))
    assert task.class_weights is not None
    assert torch.isfinite(task.class_weights).all()


def test_without_balance_all_classes_count_the_same() -> None:
    task = Segmentation(params.SegmentationSettings())
    samples = task.dataset([])
    samples.targets = [torch.tensor([[0, 0, 0, 1]])]
    task.observe(samples, training_of(balance=False))
    assert task.class_weights is None


def test_the_table_counts_cells_and_cover() -> None:
    labels = field()
    answer = ClassMap(class_map(labels, 2.0), labels)
    empty = ClassMap(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.int32))
    task = Segmentation(params.SegmentationSettings())
    table = task.combine({"a": task.rows(answer), "b": task.rows(empty)})
    assert table["cells"].tolist() == [4, 0]
    assert table["cover"].tolist() == pytest.approx([(labels > 0).mean(), 0.0])


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
