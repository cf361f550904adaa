"""Against maps small enough to count by hand."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield.metrics import segmentation
from brightfield.results import ClassMap
from brightfield.results.outlines import outermost

CLASSES = ["background", "body", "contour"]


def cells(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (10, 16)) -> ClassMap:
    """Instances 1, 2, ... as boxes (top, bottom, left, right), all of class body."""
    instances = np.zeros(shape, np.int32)
    for label, (top, bottom, left, right) in enumerate(boxes, start=1):
        instances[top:bottom, left:right] = label
    return ClassMap((instances > 0).astype(np.uint8), instances)


def row(predicted: ClassMap, truth: ClassMap, n_classes: int = 3) -> pd.DataFrame:
    return pd.DataFrame([segmentation.statistics(predicted, truth, n_classes)])


def random_map(seed: int, shape: tuple[int, int] = (24, 17)) -> ClassMap:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 7, (6, 5), dtype=np.int32)
    instances = np.kron(coarse, np.ones((4, 4), np.int32))[: shape[0], : shape[1]]
    return ClassMap(((instances > 0) * (1 + instances % 2)).astype(np.uint8), instances)


# --- pixels ---------------------------------------------------------------------------------------------------------


def test_hand_counted_pixels() -> None:
    truth = np.array([[0, 0, 1], [1, 2, 2]], np.uint8)
    predicted = np.array([[0, 1, 1], [2, 2, 0]], np.uint8)
    nothing = np.zeros((2, 3), np.int32)
    table = row(ClassMap(predicted, nothing), ClassMap(truth, nothing))
    assert segmentation.confusions(table, 3)[..., 0].tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    metrics = segmentation.summarise(table, CLASSES)
    assert [metrics[f"iou_{name}"] for name in CLASSES] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert metrics["mean_iou"] == pytest.approx(1 / 3)
    assert metrics["mean_accuracy"] == pytest.approx(1 / 2)


def test_dice_is_of_all_that_is_not_background() -> None:
    truth = np.array([[0, 0, 1, 1], [1, 2, 2, 0]], np.uint8)
    predicted = np.array([[0, 1, 1, 2], [0, 2, 0, 0]], np.uint8)
    nothing = np.zeros((2, 4), np.int32)
    metrics = segmentation.summarise(row(ClassMap(predicted, nothing), ClassMap(truth, nothing)), CLASSES)
    assert metrics["dice"] == pytest.approx(
        2 * 3 / (5 + 4)
    )  # a body that is answered as contour is a cell all the same


def test_dice_is_pooled_over_images_and_undefined_without_cells() -> None:
    def confusion(background: int, invented: int, missed: int, shared: int) -> dict[str, int]:
        counts = (background, invented, missed, shared)
        return dict(zip(("confusion_0_0", "confusion_0_1", "confusion_1_0", "confusion_1_1"), counts, strict=True))

    def dice(*images: dict[str, int]) -> float:
        table = pd.DataFrame(images).assign(**dict.fromkeys((*segmentation.CELLS, *segmentation.EDGES), 0))
        return segmentation.summarise(table, ["background", "body"])["dice"]

    assert dice(confusion(6, 0, 0, 4), confusion(6, 2, 2, 0)) == pytest.approx(2 * 4 / (6 + 6))
    assert dice(confusion(8, 2, 0, 0)) == 0
    assert math.isnan(dice(confusion(10, 0, 0, 0)))


def test_rows_of_the_confusion_are_the_truth() -> None:
    statistics = segmentation.statistics(cells(), cells((0, 2, 0, 3)), 3)
    assert statistics["confusion_1_0"] == 6
    assert statistics["confusion_0_1"] == 0


def test_pooled_and_per_image_mean_differ_as_computed_by_hand() -> None:
    # background and body only; image 1: 4 of 4 body pixels right, image 2: none of 2
    table = pd.DataFrame(
        [
            {"confusion_0_0": 6, "confusion_0_1": 0, "confusion_1_0": 0, "confusion_1_1": 4},
            {"confusion_0_0": 6, "confusion_0_1": 2, "confusion_1_0": 2, "confusion_1_1": 0},
        ]
    ).assign(**dict.fromkeys((*segmentation.CELLS, *segmentation.EDGES), 0))
    metrics = segmentation.summarise(table, ["background", "body"])
    assert metrics["mean_iou"] == pytest.approx((12 / 16 + 4 / 8) / 2)
    assert metrics["mean_iou_per_image"] == pytest.approx((1.0 + (6 / 10 + 0) / 2) / 2)
    assert metrics["mean_accuracy"] == pytest.approx((12 / 14 + 4 / 6) / 2)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean() -> None:
    metrics = segmentation.summarise(row(cells((0, 2, 0, 2)), cells((0, 2, 0, 2))), CLASSES)
    assert math.isnan(metrics["iou_contour"])
    assert metrics["mean_iou"] == 1.0
    assert metrics["mean_iou_per_image"] == 1.0
    assert metrics["mean_accuracy"] == 1.0


def test_a_class_that_is_answered_but_not_true_counts_as_zero() -> None:
    answered = ClassMap(np.full((2, 2), 2, np.uint8), np.zeros((2, 2), np.int32))
    metrics = segmentation.summarise(row(answered, cells(shape=(2, 2))), CLASSES)
    assert metrics["iou_contour"] == 0
    assert metrics["mean_iou"] == 0


# --- cells ----------------------------------------------------------------------------------------------------------


def test_hand_counted_cells() -> None:
    truth = cells((0, 4, 0, 4), (0, 4, 6, 10), (6, 8, 0, 4))
    # 16 of 16 + 4 px: IoU 0.8; 8 of 16 + 4 px: 0.4; the third missed; one invented
    found = cells((0, 5, 0, 4), (2, 5, 6, 10), (6, 8, 12, 16))
    statistics = segmentation.statistics(found, truth, 3)
    expected = {"cells": 3, "found": 3, "tp_50": 1, "tp_75": 1, "tp_80": 1, "tp_85": 0, "iou_sum_50": 0.8}
    assert {name: statistics[name] for name in expected} == pytest.approx(expected)
    metrics = segmentation.summarise(pd.DataFrame([statistics]), CLASSES)
    assert metrics["ap50"] == pytest.approx(1 / 5)
    assert metrics["ap75"] == pytest.approx(1 / 5)
    assert metrics["ap50_95"] == pytest.approx(7 / 10 / 5)  # seven of ten thresholds, 0.5 to 0.8
    assert metrics["cell_precision"] == metrics["cell_recall"] == pytest.approx(1 / 3)
    assert metrics["pq"] == pytest.approx(0.8 / (1 + 1 + 1))


def test_three_quarters_is_enough_for_75_and_less_is_not() -> None:
    exact = segmentation.statistics(cells((0, 3, 0, 4)), cells((0, 4, 0, 4)), 3)  # 12 of 16
    assert (exact["tp_75"], exact["tp_50"]) == (1, 1)
    shorter = segmentation.statistics(cells((0, 2, 0, 4)), cells((0, 3, 0, 4)), 3)  # 8 of 12
    assert (shorter["tp_75"], shorter["tp_50"]) == (0, 1)


def test_a_cell_cut_into_equal_halves_is_matched_once() -> None:
    whole, halves = cells((0, 4, 0, 4)), cells((0, 2, 0, 4), (2, 4, 0, 4))
    split = segmentation.statistics(halves, whole, 3)
    merged = segmentation.statistics(whole, halves, 3)
    assert (split["tp_50"], split["found"], split["cells"], split["iou_sum_50"]) == (1, 2, 1, 0.5)
    assert (merged["tp_50"], merged["found"], merged["cells"], merged["iou_sum_50"]) == (1, 1, 2, 0.5)


def test_each_cell_has_a_verdict() -> None:
    """Five true cells: one found, one missed, one in two pieces, two answered as one; and one that is invented."""
    truth = cells((0, 3, 0, 3), (0, 3, 5, 8), (5, 9, 0, 6), (5, 7, 8, 11), (7, 9, 8, 11))
    answer = cells((0, 3, 0, 3), (5, 9, 0, 2), (5, 9, 2, 6), (5, 9, 8, 11), (0, 2, 13, 15))
    _, _, of_answer, of_truth = segmentation.verdicts(answer, truth)
    assert of_truth == ("", "right", "missed", "split", "merged", "merged")
    assert of_answer == ("", "right", "split", "split", "merged", "invented")


def test_verdicts_of_numbers_with_gaps_and_of_empty_maps() -> None:
    truth = cells((0, 3, 0, 3), (5, 8, 5, 8))
    sparse = ClassMap(truth.classes, np.where(truth.instances == 2, 2_000_000_000, 0).astype(np.int32))
    found = segmentation.verdicts(sparse, truth)
    assert found[2:] == (("", "right"), ("", "missed", "right"))
    assert np.array_equal(found.found, truth.instances == 2)
    assert np.array_equal(found.true, truth.instances)
    assert segmentation.verdicts(cells(), truth)[2:] == (("",), ("", "missed", "missed"))
    assert segmentation.verdicts(cells(), cells())[2:] == (("",), ("",))


@given(st.integers(0, 500))
@settings(deadline=None)
def test_as_many_cells_are_merged_split_and_right_as_metrics_count(seed: int) -> None:
    answer, truth = random_map(seed), random_map(seed + 1)
    counts = segmentation.cells(answer, truth)
    _, _, of_answer, of_truth = segmentation.verdicts(answer, truth)
    assert sum(map(bool, of_truth)) == counts["cells"]
    assert sum(map(bool, of_answer)) == counts["found"]
    assert of_answer.count("merged") == counts["merges"]
    assert of_truth.count("split") == counts["splits"]
    assert max(of_answer.count("right"), of_truth.count("right")) <= counts["tp_50"]
    assert {*of_answer, *of_truth} <= {"", "right", "missed", "invented", "merged", "split"}


def test_merges_and_splits_are_counted_by_the_cell_that_holds_most_of_several() -> None:
    three = cells((0, 4, 0, 4), (0, 4, 5, 9), (0, 4, 10, 14))
    one = cells((0, 4, 0, 14))
    merged, split = segmentation.statistics(one, three, 3), segmentation.statistics(three, one, 3)
    assert (merged["merges"], merged["splits"]) == (1, 0)
    assert (split["merges"], split["splits"]) == (0, 1)
    # half of a neighbour is not most of it
    wide = segmentation.statistics(cells((0, 4, 0, 7)), cells((0, 4, 0, 4), (0, 4, 5, 9)), 3)
    assert (wide["merges"], wide["splits"]) == (0, 0)
    metrics = segmentation.summarise(pd.DataFrame([merged, split]), CLASSES)
    assert metrics["merges_percent"] == metrics["splits_percent"] == pytest.approx(100 / 4)


def test_edges_by_hand() -> None:
    """A 6x6 cell has 20 pixels at its edge; those of one that is 3 px further right lie up to 3 px away."""
    truth, found = cells((2, 8, 2, 8)), cells((2, 8, 5, 11))
    statistics = segmentation.statistics(found, truth, 3)
    assert (statistics["edge_px"], statistics["found_edge_px"]) == (20, 20)
    # of the left side (column 2) all 6 are 3 px from the other's left side, its corners' rows as well; (2, 3), (7, 3) are 2 px away
    assert statistics["edge_hit_px"] == statistics["found_edge_hit_px"] == 14
    assert segmentation.summarise(pd.DataFrame([statistics]), CLASSES)["boundary_f1"] == pytest.approx(14 / 20)


def test_touching_cells_have_an_edge_and_the_image_has_none() -> None:
    whole, halves = cells((0, 10, 0, 16)), cells((0, 10, 0, 8), (0, 10, 8, 16))
    assert segmentation.statistics(whole, whole, 3)["edge_px"] == 0
    assert segmentation.statistics(halves, whole, 3)["found_edge_px"] == 20
    score = segmentation.summarise(row(whole, halves), CLASSES)["boundary_f1"]
    assert score == 0  # there are edges, and none was answered
    assert math.isnan(segmentation.summarise(row(whole, whole), CLASSES)["boundary_f1"])


def brute_force(predicted: ClassMap, truth: ClassMap, threshold: float) -> tuple[int, int, int]:
    """TP, FP and FN the slow way: every pair of masks, each mask used once."""
    found = [predicted.instances == i for i in np.unique(predicted.instances) if i > 0]
    true = [truth.instances == i for i in np.unique(truth.instances) if i > 0]
    used: set[int] = set()
    for mask in true:
        for i, other in enumerate(found):
            if i not in used and (mask & other).sum() / (mask | other).sum() >= threshold:
                used.add(i)
                break
    return len(used), len(found) - len(used), len(true) - len(used)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_matching_agrees_with_brute_force(seed: int, other: int) -> None:
    truth, found = random_map(seed), random_map(other)
    mixed = np.where(np.random.default_rng(seed).random((6, 1)).repeat(4, 0) < 0.7, truth.instances, found.instances)
    predicted = ClassMap(found.classes, mixed.astype(np.int32))
    statistics = segmentation.statistics(predicted, truth, 3)
    for name, threshold in (("50", 0.5), ("75", 0.75)):
        hits = statistics[f"tp_{name}"]
        assert (hits, statistics["found"] - hits, statistics["cells"] - hits) == brute_force(
            predicted, truth, threshold
        )


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_numbering_of_instances_does_not_matter(seed: int, other: int) -> None:
    truth, found = random_map(seed), random_map(other)
    wild = np.append(0, np.random.default_rng(seed).choice(2**31 - 1, 7, replace=False) + 1).astype(np.int32)
    renamed = ClassMap(found.classes, wild[found.instances])
    expected = segmentation.statistics(found, truth, 3)
    assert segmentation.statistics(renamed, truth, 3) == pytest.approx(expected)
    assert segmentation.statistics(found, truth, 3)["tp_50"] == segmentation.statistics(truth, found, 3)["tp_50"]


def test_wild_numbers_that_fill_the_image() -> None:
    full = np.array([[5_000_000, 5_000_000], [7, 7]], np.int32)  # no background at all
    tidy = np.array([[2, 2], [1, 1]], np.int32)
    classes = np.ones((2, 2), np.uint8)
    statistics = segmentation.statistics(ClassMap(classes, full), ClassMap(classes, tidy), 3)
    assert (statistics["tp_75"], statistics["found"], statistics["cells"]) == (2, 2, 2)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_truth_scores_perfectly(seed: int) -> None:
    truth = random_map(seed)
    metrics = segmentation.summarise(row(truth, truth), CLASSES)
    wrong = {name for name in metrics if name.endswith("_percent")}
    assert all(metrics[name] == 0 or math.isnan(metrics[name]) for name in wrong)
    assert all(value == 1.0 for name, value in metrics.items() if name not in wrong and not math.isnan(value))
    assert metrics["mean_iou"] == 1.0


def test_order_of_images_does_not_matter() -> None:
    rows = [segmentation.statistics(random_map(i), random_map(i + 50), 3) for i in range(6)]
    forward = segmentation.summarise(pd.DataFrame(rows), CLASSES)
    assert segmentation.summarise(pd.DataFrame(rows[::-1]), CLASSES) == pytest.approx(forward)


# --- edges ----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_no_cells_leave_the_cell_metrics_undefined() -> None:
    metrics = segmentation.summarise(row(cells(), cells()), CLASSES)
    assert all(math.isnan(metrics[name]) for name in ("ap50", "ap75", "pq", "iou_body"))
    assert metrics["mean_iou"] == 1.0


@pytest.mark.filterwarnings("error")
def test_no_images_leave_everything_undefined() -> None:
    metrics = segmentation.summarise(row(cells(), cells()).iloc[:0], CLASSES)
    assert all(math.isnan(value) for value in metrics.values())


def test_only_invented_cells_score_zero() -> None:
    metrics = segmentation.summarise(row(cells((0, 2, 0, 2)), cells()), CLASSES)
    assert (metrics["ap50"], metrics["pq"]) == (0, 0)


def test_other_shapes_and_unknown_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"share a shape, got \(2, 3\) and \(3, 2\)"):
        segmentation.statistics(cells(shape=(2, 3)), cells(shape=(3, 2)), 3)
    with pytest.raises(ValueError, match=r"0\.\.\.1, got 2 in the prediction"):
        segmentation.statistics(
            ClassMap(np.full((2, 2), 2, np.uint8), np.zeros((2, 2), np.int32)), cells(shape=(2, 2)), 2
        )


def test_a_large_dense_field_takes_well_under_seconds() -> None:
    instances = np.kron(np.arange(1, 2049, dtype=np.int32).reshape(32, 64), np.ones((64, 32), np.int32))
    truth = ClassMap(np.ones(instances.shape, np.uint8), instances)
    moved = ClassMap(truth.classes, np.roll(instances, 3, axis=1))
    start = time.perf_counter()
    statistics = segmentation.statistics(moved, truth, 3)
    assert time.perf_counter() - start < 5  # a tenth of that on an idle machine
    assert statistics["tp_75"] == 2048  # 29 of 35 columns shared


# --- species ----------------------------------------------------------------------------------------------------------


def test_species_of_matched_cells_counted_by_hand() -> None:
    """Four true cells: one right, one wrong, one not found; the fourth is right under another number."""
    truth = cells((0, 3, 0, 3), (0, 3, 4, 7), (5, 8, 0, 3), (5, 8, 5, 8))
    found = cells((5, 8, 5, 8), (0, 3, 0, 3), (0, 3, 4, 7))
    truth = ClassMap(truth.classes, truth.instances, np.array([0, 1, 1, 2, 2], np.uint8))
    found = ClassMap(found.classes, found.instances, np.array([0, 2, 1, 2], np.uint8))
    statistics = segmentation.statistics(found, truth, 3, n_species=2)
    species = {name: value for name, value in statistics.items() if name.startswith("species")}
    assert species == {"species_0_0": 1, "species_0_1": 1, "species_1_0": 0, "species_1_1": 1}
    summary = segmentation.summarise(pd.DataFrame([statistics]), CLASSES, ["a", "b"])
    assert summary["species_accuracy"] == pytest.approx(2 / 3)
    assert summary["species_mean_accuracy"] == pytest.approx((1 / 2 + 1) / 2)


def test_where_the_truth_knows_no_species_none_is_counted() -> None:
    truth = cells((0, 3, 0, 3))
    found = ClassMap(truth.classes, truth.instances, np.array([0, 2], np.uint8))
    statistics = segmentation.statistics(found, truth, 3, n_species=2)
    assert sum(value for name, value in statistics.items() if name.startswith("species")) == 0
    assert math.isnan(segmentation.summarise(pd.DataFrame([statistics]), CLASSES, ["a", "b"])["species_accuracy"])
    assert "species_accuracy" not in segmentation.summarise(row(truth, truth), CLASSES, ["a", "b"])


def test_species_are_found_under_wild_numbers() -> None:
    instances = np.zeros((4, 6), np.int32)
    instances[:, :3], instances[:, 3:] = 7, 3
    truth = ClassMap((instances > 0).astype(np.uint8), instances, np.array([0, 1, 1, 2, 1, 1, 1, 1], np.uint8))
    answer = ClassMap(
        truth.classes, np.where(instances == 7, 5, 2).astype(np.int32), np.array([0, 1, 2, 1, 1, 1], np.uint8)
    )
    statistics = segmentation.statistics(answer, truth, 3, n_species=2)
    assert (statistics["species_0_0"], statistics["species_1_1"]) == (1, 1)


# --- outlines -----------------------------------------------------------------------------------------------------------


def test_the_distance_of_an_outline_by_hand() -> None:
    """A box of 6 x 6 px, 20 px of outline, found a column further right.

    10 px of it are 1 px off: the left column, and the right one without its corners, which lie on the rows that were found.
    """
    truth, found = cells((2, 8, 2, 8)), cells((2, 8, 3, 9))
    for share, distance in ((0.45, 0.0), (0.5, 0.0), (0.55, 1.0), (0.95, 1.0), (1.0, 1.0)):
        assert segmentation.outline_distances(found, truth, share).tolist() == [distance]


def test_the_outline_of_the_other_half_counts_where_a_cell_is_cut() -> None:
    truth = cells((2, 8, 1, 15))
    assert segmentation.outline_distances(cells((2, 8, 1, 9)), truth, 1.0)[0] == pytest.approx(math.hypot(0, 6))
    assert segmentation.outline_distances(cells((2, 8, 1, 9), (2, 8, 9, 15)), truth, 1.0).tolist() == [0.0]


def test_cells_without_a_match_or_an_outline_have_no_distance() -> None:
    whole = cells((0, 10, 0, 16))
    assert segmentation.outline_distances(whole, whole, 0.95).size == 0
    assert segmentation.outline_distances(cells(), cells((2, 8, 2, 8)), 0.95).size == 0
    assert segmentation.outline_distances(cells((2, 5, 2, 5)), cells((2, 8, 2, 8)), 0.95).size == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.05, 1.0))
def test_the_distance_of_an_outline_is_the_least_that_holds_so_much_of_it(a: int, b: int, share: float) -> None:
    found, truth = random_map(a), random_map(b)
    edge = np.argwhere(outermost(found.instances))
    statistics = segmentation.cells(found, truth)
    distances = segmentation.outline_distances(found, truth, share)
    assert len(distances) <= statistics["tp_50"]
    expected = []
    for number in np.unique(truth.instances[truth.instances > 0]):
        mine = truth.instances == number
        others, sizes = np.unique(found.instances[mine & (found.instances > 0)], return_counts=True)
        union = [(mine | (found.instances == other)).sum() for other in others]
        pixels = np.argwhere(outermost(truth.instances) & mine)
        if any(size / whole > 0.5 for size, whole in zip(sizes, union, strict=True)) and len(pixels):
            far = np.sort([np.hypot(*(edge - pixel).T).min() for pixel in pixels])
            expected.append(next(d for i, d in enumerate(far, start=1) if i >= share * len(far) - 1e-9))
    assert set(np.round(expected, 6)) <= set(np.round(distances, 6))  # cells of which exactly half is shared are ties
