"""The task: schemes of classes, channels, what training needs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings
from brightfield.results import ClassMap
from brightfield.tasks.samples import EncodedImages
from brightfield.tasks.segmentation import Segmentation
from brightfield.tasks.segmentation.learning import class_weights
from brightfield.tasks.segmentation.masks import class_map
from labelled import rods

Labels = npt.NDArray[np.int32]


# --- weights and tables -----------------------------------------------------------------------------------------------


def samples_with(*targets: Tensor) -> EncodedImages:
    samples = Segmentation(params.SegmentationSettings()).learning.dataset([])
    samples.targets = list(targets)
    return samples


def test_classes_are_weighed_by_the_inverse_square_root_of_their_share() -> None:
    """By hand: shares 0.64, 0.32, 0.04 -> 1.25, 1.7678, 5 -> divided by sum(share * weight) = 1.5657."""
    target = torch.tensor([0] * 64 + [1] * 32 + [2] * 4).reshape(10, 10)
    weights = class_weights(samples_with(target, target), 3)
    np.testing.assert_allclose(weights, np.array([1.25, 1.767767, 5.0]) / 1.565685, rtol=1e-5)
    share = torch.tensor([0.64, 0.32, 0.04])
    assert float((weights * share).sum()) == pytest.approx(1.0)


def test_a_class_that_never_occurs_does_not_make_weights_infinite() -> None:
    assert torch.isfinite(class_weights(samples_with(torch.zeros(8, 8, dtype=torch.int64)), 3)).all()


@pytest.mark.parametrize("balance", ["loss", "none"])
def test_classes_count_by_their_weights_where_they_are_balanced(balance: Literal["loss", "none"]) -> None:
    learning = Segmentation(params.SegmentationSettings()).learning
    samples = samples_with(torch.tensor([[0, 0, 0, 1]]))
    loss = learning.loss_function(samples, params.Training(epochs=1, balance=balance))
    output, target = torch.randn(1, 3, 1, 4, generator=torch.Generator().manual_seed(0)), samples.targets[0][None]
    weights = class_weights(samples, 3) if balance == "loss" else None
    expected = float(F.cross_entropy(output, target, weight=weights))  # it sums in another order
    assert float(loss(output, target)) == pytest.approx(expected, rel=1e-6)


def test_the_table_counts_cells_and_cover() -> None:
    labels = rods()
    answer = ClassMap(class_map(labels, 2.0), labels)
    empty = ClassMap(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.int32))
    task = Segmentation(params.SegmentationSettings())
    table = task.combine({"a": task.rows(answer), "b": task.rows(empty)})
    assert table["cells"].tolist() == [4, 0]
    assert table["cover"].tolist() == pytest.approx([(labels > 0).mean(), 0.0])


# --- schemes ------------------------------------------------------------------------------------------------------------

NAMES = ["Myxococcus", "E. coli"]
KINDS = np.array([0, 1, 2, 1, 2], np.uint8)


def record(labels: Labels | None = None, **fields: npt.NDArray[np.generic]) -> Record:
    labels = rods() if labels is None else labels
    image = (np.random.default_rng(0).normal(1000, 20, labels.shape) - 200 * (labels > 0)).astype(np.uint16)
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
    assert task_with("species").learning.shape().outputs == 5


@pytest.mark.parametrize("scheme", ["contours", "species"])
def test_a_perfect_answer_scores_perfectly_as_three_classes(scheme: str) -> None:
    task = task_with(scheme)
    truth = task.learning.truth(record())
    answer = task.answering.decode(certain(truth, len(task.class_names)), task.learning.encode(record().image))
    metrics = task.scoring.score([answer], [truth])
    assert metrics["mean_iou"] == 1
    assert metrics["ap50"] == 1
    assert ("species_accuracy" in metrics) == (scheme == "species")
    if scheme == "species":
        assert answer.species is not None
        assert metrics["species_accuracy"] == metrics["species_mean_iou"] == 1
        assert task.rows(answer)[NAMES].to_numpy().tolist() == [[2, 2]]


def test_two_classes_join_cells_that_touch_and_pay_for_it() -> None:
    """Three rods side by side come back as one cell: 2 of 4 cells are found, and the contours between them are missing."""
    task = task_with("cells")
    truth = task.learning.truth(record())
    answer = task.answering.decode(certain(truth, 2), task.learning.encode(record().image))
    assert answer.instances.max() == 2
    metrics = task.scoring.score([answer], [truth])
    assert metrics["iou_background"] == 1
    assert metrics["iou_contour"] < 0.8
    assert metrics["merges_percent"] == 25
    assert not task.answering.needs_calibration


def test_rows_of_all_schemes_have_the_columns_that_compare_them() -> None:
    rows = {}
    for scheme in ("cells", "contours", "species"):
        task = task_with(scheme)
        truth = task.learning.truth(record())
        rows[scheme] = task.scoring.statistics(truth, truth)
    assert set(rows["contours"]) <= set(rows["cells"])
    assert set(rows["contours"]) <= set(rows["species"])
    summaries = [
        task_with("contours").scoring.summarise({k: np.array([v]) for k, v in row.items()}) for row in rows.values()
    ]
    assert all(metrics["mean_iou"] == 1 for metrics in summaries)


def test_a_cell_without_species_is_refused_where_species_are_learnt() -> None:
    bare = Record("a", "a", record().image, {"labels": rods()})
    with pytest.raises(
        BrightfieldError, match=r"Image a: expected a species for each of 4 instances, got 0.*species.csv"
    ):
        task_with("species").learning.truth(bare)
    assert task_with("contours").learning.truth(bare).species is None
    third = Record("a", "a", record().image, {"labels": rods(), "species": np.array([0, 1, 2, 3, 1], np.uint8)})
    with pytest.raises(BrightfieldError, match=r"more species than settings.species names \(Myxococcus, E. coli\)"):
        task_with("species").learning.truth(third)


def test_the_contour_is_as_wide_in_micrometres_whatever_the_pixel() -> None:
    wide, fine = (task_with("contours", pixel_size_um=size).learning.truth(record()).classes for size in (0.13, 0.065))
    np.testing.assert_array_equal(wide, class_map(rods(), 1.0))
    np.testing.assert_array_equal(fine, class_map(rods(), 2.0))


# --- fluorescence -------------------------------------------------------------------------------------------------------


def test_fluorescence_is_a_second_channel_normalised_by_itself() -> None:
    task = task_with("species", fluorescence=True)
    glow = np.where(KINDS[rods()] == 2, 200, 5).astype(np.float32)
    pixels = task.learning.pixels(record(fluorescence=glow))
    assert pixels.shape == (80, 70, 2)
    encoded = task.learning.encode(pixels)
    assert encoded.tensor.shape == (2, 80, 70)
    np.testing.assert_allclose(encoded.tensor.mean(dim=(1, 2)), [0, 0], atol=1e-5)
    np.testing.assert_allclose(encoded.tensor.std(dim=(1, 2), correction=0), [1, 1], atol=1e-4)
    assert task.learning.shape().inputs == 2


def test_without_the_channel_it_is_told_what_is_missing() -> None:
    task = task_with("species", fluorescence=True)
    with pytest.raises(BrightfieldError, match=r"Image a has no fluorescence"):
        task.learning.pixels(record())
    with pytest.raises(BrightfieldError, match=r"two channels, .*got \(80, 70\)"):
        task.learning.encode(record().image)
    with pytest.raises(BrightfieldError, match=r"takes no fluorescence: expected .*got \(80, 70, 2\)"):
        task_with("contours").learning.encode(np.zeros((80, 70, 2), np.uint16))


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
    assert task.answering.needs_calibration
    truth = task.learning.truth(Record("a", "a", np.zeros((14, 60), np.uint8), {"labels": labels}))
    encoded = [task.learning.encode(np.arange(840).reshape(14, 60))]
    calibrated = task.answering.calibrate([probabilities], [truth], encoded)
    assert calibrated.seed_probability == 0.6
    assert not Segmentation(calibrated).answering.needs_calibration
    assert Segmentation(calibrated).answering.calibrate([probabilities], [truth], encoded) == calibrated


def test_dice_is_what_it_is_by_hand() -> None:
    """Two pixels of class 1, answered with 0.8 and 0.6: Dice of class 0 is (0 + 1)/(0.6 + 1), of class 1 (2.8 + 1)/(3.4 + 1)."""
    task = task_with("cells")
    output = torch.log(torch.tensor([[[[0.2, 0.4]], [[0.8, 0.6]]]]))
    target = torch.ones(1, 1, 2, dtype=torch.int64)
    plain, with_dice = (
        task.learning.loss_function(samples_with(), params.Training(epochs=1, balance="none", dice=share))
        for share in (0.0, 0.5)
    )
    entropy = plain(output, target)
    assert float(entropy) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    expected = 1 - (1 / 1.6 + 3.8 / 4.4) / 2
    assert float(with_dice(output, target) - entropy) == pytest.approx(0.5 * expected, rel=1e-5)


def test_patches_are_centred_on_each_species_and_on_places_where_cells_touch() -> None:
    task = task_with("contours")
    first, second, crowded = task.learning.patch_centres(record())
    labels = rods()
    assert set(KINDS[labels[tuple(first.T)]]) == {1}
    assert set(KINDS[labels[tuple(second.T)]]) == {2}
    rows = set(crowded[:, 0])
    assert rows == {13, 14, 15, 16, 23, 24, 25, 26}  # two on each side of where rods meet
    lonely = np.zeros((80, 70), np.int32)
    lonely[10:20, 10:20] = 1
    assert len(task.learning.patch_centres(Record("b", "b", record().image, {"labels": lonely}))) == 1


def test_centred_patches_show_the_one_cell_there_is() -> None:
    labels = np.zeros((200, 200), np.int32)
    labels[150:158, 20:28] = 1
    image = np.random.default_rng(0).normal(0, 1, (200, 200)).astype(np.float32)
    alone = Record("a", "a", image, {"labels": labels})
    shown = {}
    for share in (0.0, 1.0):
        training = params.Training(epochs=1, patch_px=32, centred=share)
        samples = task_with("contours").learning.dataset([alone], training)
        targets = samples.cut([0] * 200, np.random.default_rng(0)).targets
        shown[share] = float((targets > 0).flatten(1).any(dim=1).double().mean())
    assert shown[1.0] == 1
    assert shown[0.0] < 0.2


def test_quiet_is_away_from_cells() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[0:10] = 1
    background_mask = task_with("contours").learning.background_mask(
        Record("a", "a", np.zeros((60, 60)), {"labels": labels})
    )
    assert not background_mask[:18].any()
    assert background_mask[18:].all()


# --- guarantees -------------------------------------------------------------------------------------------------------


def boxes(*places: tuple[int, int, int, int]) -> ClassMap:
    """Cells as boxes (top, bottom, left, right) in a field of 30 x 40 px."""
    cells = np.zeros((30, 40), np.int32)
    for number, (top, bottom, left, right) in enumerate(places, start=1):
        cells[top:bottom, left:right] = number
    return ClassMap((cells > 0).astype(np.uint8), cells)


def test_scores_of_a_field_are_those_of_its_number_and_of_each_outline() -> None:
    """By hand: 3 true cells and 1 found, so 2 / (1 + 1); and the found one ends 2 px too early, which more than 5% of it sees."""
    scoring = Segmentation(params.SegmentationSettings()).scoring
    truth, found = boxes((2, 12, 2, 12), (15, 25, 2, 12), (15, 25, 20, 30)), boxes((2, 12, 2, 10))
    scores = scoring.nonconformity(found, truth)
    np.testing.assert_allclose(scores["count"], [1.0])
    np.testing.assert_allclose(scores["outline"], [2.0])
    nothing = scoring.nonconformity(boxes(), boxes())
    assert (nothing["count"].tolist(), nothing["outline"].tolist()) == ([0.0], [])


@pytest.mark.parametrize("error", range(-9, 10))
def test_bounds_hold_a_number_exactly_if_its_score_is_within_the_limit(error: int) -> None:
    """Also where a quotient is rounded: the field on which a limit was measured lies within."""
    task = Segmentation(params.SegmentationSettings())
    found = boxes(*((2, 6, 4 * i, 4 * i + 3) for i in range(9)))
    for of_limit in range(12):
        low, high = task.answering.guaranteed(found, {"count": of_limit / 10}).count or (-1, -1)
        true = 9 + error
        assert (low <= true <= high) == (abs(error) <= of_limit)
        assert low >= 0


def test_what_is_left_open_scales_with_the_field() -> None:
    task = Segmentation(params.SegmentationSettings())
    promised = task.answering.guaranteed(boxes((2, 12, 2, 12)), {"count": 0.5, "outline": 3.0})
    assert (promised.count, promised.margin) == ((0, 2), 3.0)
    assert task.scoring.sizes(promised) == {"count": 2.0, "outline": 3.0}
    original = task.answering.to_original_scale(promised, (60, 80), (30, 40))
    assert (original.count, original.margin, original.instances.shape) == ((0, 2), 6.0, (60, 80))
    alone = task.answering.guaranteed(boxes((2, 12, 2, 12)), {"outline": 3.0})
    assert (alone.count, alone.margin) == (None, 3.0)
