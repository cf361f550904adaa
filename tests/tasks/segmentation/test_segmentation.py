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
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings
from brightfield.records import Record
from brightfield.results import ClassMap
from brightfield.tasks.segmentation import Segmentation, instances_of
from brightfield.tasks.segmentation.cells import species_of
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


# --- schemes ------------------------------------------------------------------------------------------------------------

NAMES = ["Myxococcus", "E. coli"]
KINDS = np.array([0, 1, 2, 1, 2], np.uint8)


def record(labels: Labels | None = None, **fields: npt.NDArray[np.generic]) -> Record:
    labels = field() if labels is None else labels
    image = np.random.default_rng(0).integers(0, 1000, labels.shape).astype(np.uint16)
    return Record("a", "a", image, {"labels": labels, "species": KINDS, **fields})


def task_with(scheme: str, **others: object) -> Segmentation:
    return Segmentation(SegmentationSettings.model_validate({"scheme": scheme, "species": NAMES, **others}))


def certain(truth: ClassMap, n: int) -> npt.NDArray[np.float32]:
    return np.stack([truth.classes == k for k in range(n)]).astype(np.float32)


def test_names_of_the_classes() -> None:
    assert task_with("cells").class_names == ["background", "cell"]
    assert task_with("contours").class_names == ["background", "body", "contour"]
    five = ["background", "Myxococcus body", "Myxococcus contour", "E. coli body", "E. coli contour"]
    assert task_with("species").class_names == five
    assert task_with("species").shape().outputs == 5


@pytest.mark.parametrize("scheme", ["contours", "species"])
def test_a_perfect_answer_scores_perfectly_as_three_classes(scheme: str) -> None:
    task = task_with(scheme)
    truth = task.truth(record())
    answer = task.decode(certain(truth, len(task.class_names)), task.encode(record().image))
    told = task.score([answer], [truth])
    assert told["mean_iou"] == 1
    assert told["ap50"] == 1
    assert ("species_accuracy" in told) == (scheme == "species")
    if scheme == "species":
        assert answer.species is not None
        assert told["species_accuracy"] == told["species_mean_iou"] == 1
        assert task.rows(answer)[NAMES].to_numpy().tolist() == [[2, 2]]


def test_two_classes_join_cells_that_touch_and_pay_for_it() -> None:
    """Three rods side by side come back as one cell: 2 of 4 cells are found, and the contours between them are missing."""
    task = task_with("cells")
    truth = task.truth(record())
    answer = task.decode(certain(truth, 2), task.encode(record().image))
    assert answer.instances.max() == 2
    told = task.score([answer], [truth])
    assert told["iou_background"] == 1
    assert told["iou_contour"] < 0.8
    assert told["merges_percent"] == 25
    assert not task.is_open


def test_rows_of_all_schemes_have_the_columns_that_compare_them() -> None:
    rows = {}
    for scheme in ("cells", "contours", "species"):
        task = task_with(scheme)
        truth = task.truth(record())
        rows[scheme] = task.statistics(truth, truth)
    assert set(rows["contours"]) <= set(rows["cells"])
    assert set(rows["contours"]) <= set(rows["species"])
    summaries = [task_with("contours").summarise({k: np.array([v]) for k, v in row.items()}) for row in rows.values()]
    assert all(told["mean_iou"] == 1 for told in summaries)


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


def test_a_cell_without_species_is_refused_where_species_are_learnt() -> None:
    bare = Record("a", "a", record().image, {"labels": field()})
    with pytest.raises(
        BrightfieldError, match=r"Image a: there is a species for each of 4 instances, got 0.*species.csv"
    ):
        task_with("species").truth(bare)
    assert task_with("contours").truth(bare).species is None
    third = Record("a", "a", record().image, {"labels": field(), "species": np.array([0, 1, 2, 3, 1], np.uint8)})
    with pytest.raises(BrightfieldError, match=r"more species than settings.species names \(Myxococcus, E. coli\)"):
        task_with("species").truth(third)


def test_the_contour_is_as_wide_in_micrometres_whatever_the_pixel() -> None:
    wide, fine = (task_with("contours", pixel_size_um=size).truth(record()).classes for size in (0.13, 0.065))
    np.testing.assert_array_equal(wide, class_map(field(), 1.0))
    np.testing.assert_array_equal(fine, class_map(field(), 2.0))


# --- fluorescence -------------------------------------------------------------------------------------------------------


def test_fluorescence_is_a_second_channel_normalised_by_itself() -> None:
    task = task_with("species", fluorescence=True)
    glow = np.where(KINDS[field()] == 2, 200, 5).astype(np.float32)
    pixels = task.pixels(record(fluorescence=glow))
    assert pixels.shape == (80, 70, 2)
    encoded = task.encode(pixels)
    assert encoded.tensor.shape == (2, 80, 70)
    np.testing.assert_allclose(encoded.tensor.mean(dim=(1, 2)), [0, 0], atol=1e-5)
    np.testing.assert_allclose(encoded.tensor.std(dim=(1, 2), correction=0), [1, 1], atol=1e-4)
    assert task.shape().inputs == 2


def test_without_the_channel_it_is_told_what_is_missing() -> None:
    task = task_with("species", fluorescence=True)
    with pytest.raises(BrightfieldError, match=r"Image a has no fluorescence"):
        task.pixels(record())
    with pytest.raises(BrightfieldError, match=r"two channels, .*got \(80, 70\)"):
        task.encode(record().image)
    with pytest.raises(BrightfieldError, match=r"takes no fluorescence: expected .*got \(80, 70, 2\)"):
        task_with("contours").encode(np.zeros((80, 70, 2), np.uint16))


# --- training -----------------------------------------------------------------------------------------------------------


def test_the_seed_probability_with_the_most_cells_is_chosen() -> None:
    """Two cells that a doubtful bridge joins: they come apart above 0.55; a third is nowhere surer than 0.75."""
    labels = np.zeros((14, 60), np.int32)
    labels[2:12, 2:14], labels[2:12, 14:28], labels[2:12, 40:58] = 1, 2, 3
    probabilities = np.zeros((3, 14, 60), np.float32)
    probabilities[0] = 1
    for columns, body in ((slice(2, 13), 0.9), (slice(13, 16), 0.55), (slice(16, 28), 0.9), (slice(40, 58), 0.75)):
        probabilities[:, 2:12, columns] = np.array([0, body, 1 - body], np.float32)[:, None, None]
    task = task_with("contours")
    assert task.is_open
    truth = task.truth(Record("a", "a", np.zeros((14, 60), np.uint8), {"labels": labels}))
    encoded = [task.encode(np.arange(840).reshape(14, 60))]
    settled = task.settle([probabilities], [truth], encoded)
    assert settled.seed_probability == 0.6
    assert not Segmentation(settled).is_open
    assert Segmentation(settled).settle([probabilities], [truth], encoded) == settled


def test_dice_is_what_it_is_by_hand() -> None:
    """Two pixels of class 1, answered with 0.8 and 0.6: Dice of class 0 is (0 + 1)/(0.6 + 1), of class 1 (2.8 + 1)/(3.4 + 1)."""
    task = task_with("cells")
    output = torch.log(torch.tensor([[[[0.2, 0.4]], [[0.8, 0.6]]]]))
    target = torch.ones(1, 1, 2, dtype=torch.int64)
    entropy = task.loss(output, target)
    assert float(entropy) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    task.dice = 0.5
    expected = 1 - (1 / 1.6 + 3.8 / 4.4) / 2
    assert float(task.loss(output, target) - entropy) == pytest.approx(0.5 * expected, rel=1e-5)


def test_patches_are_centred_on_each_species_and_on_places_where_cells_touch() -> None:
    task = task_with("contours")
    first, second, crowded = task.places(record())
    labels = field()
    assert set(KINDS[labels[tuple(first.T)]]) == {1}
    assert set(KINDS[labels[tuple(second.T)]]) == {2}
    rows = set(crowded[:, 0])
    assert rows == {13, 14, 15, 16, 23, 24, 25, 26}  # two on each side of where rods meet
    lonely = np.zeros((80, 70), np.int32)
    lonely[10:20, 10:20] = 1
    assert len(task.places(Record("b", "b", record().image, {"labels": lonely}))) == 1


def test_centred_patches_show_the_one_cell_there_is() -> None:
    labels = np.zeros((200, 200), np.int32)
    labels[150:158, 20:28] = 1
    image = np.random.default_rng(0).normal(0, 1, (200, 200)).astype(np.float32)
    alone = Record("a", "a", image, {"labels": labels})
    shown = {}
    for share in (0.0, 1.0):
        training = params.Training(epochs=1, patch_px=32, centred=share)
        samples = task_with("contours").dataset([alone], training)
        shown[share] = np.mean([bool((samples[0]["target"] > 0).any()) for _ in range(200)])
    assert shown[1.0] == 1
    assert shown[0.0] < 0.2


def test_quiet_is_away_from_cells() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[0:10] = 1
    quiet = task_with("contours").quiet(Record("a", "a", np.zeros((60, 60)), {"labels": labels}))
    assert not quiet[:18].any()
    assert quiet[18:].all()
