"""Fragments that belong together become cells."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.data.records import Record
from brightfield.params import SegmentationSettings
from brightfield.results import ClassMap
from brightfield.tasks.segmentation import Segmentation, merging
from brightfield.tasks.segmentation.cells import instances_of
from brightfield.tasks.segmentation.merging import Fragments, fragments, learn, merged

PAIRS, LONGEST, WIDTH = 4, 40, 12


def rafts(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rods in pairs, side by side: a valley between them along their length, and in each a dip as deep across its width."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((PAIRS * (2 * WIDTH + 8) + 8, 4 * (LONGEST + 6) + 6), np.int32)
    body = np.zeros(labels.shape, np.float32)
    for number in range(8 * PAIRS):
        row, column = divmod(number // 2, 4)
        length, left = int(rng.integers(LONGEST - 10, LONGEST)), 6 + column * (LONGEST + 6)
        top = 8 + row * (2 * WIDTH + 8) + number % 2 * WIDTH
        labels[top : top + WIDTH, left : left + length] = number + 1
        body[top : top + WIDTH, left : left + length] = 0.95
        dip = left + int(rng.integers(10, length - 10))
        body[top : top + WIDTH, dip - 2 : dip + 2] = rng.uniform(0.2, 0.6)
        if number % 2:
            body[top - 2 : top + 2][labels[top - 2 : top + 2] > 0] = rng.uniform(0.2, 0.6)
    outside = (labels == 0).astype(np.float32)
    return np.stack([outside, body, 1 - outside - body]).astype(np.float32), labels


def right(found: np.ndarray, labels: np.ndarray) -> float:
    """Share of the cells that are found whole: 9 of 10 pixels in one piece, and no more than a tenth beside."""
    whole = 0
    for number in range(1, labels.max() + 1):
        pieces = np.bincount(found[labels == number])
        pieces[0] = 0
        best = int(pieces.argmax())
        inside, size = pieces[best], (labels == number).sum()
        whole += bool(inside > 0.9 * size and (found == best).sum() < 1.1 * size)
    return whole / labels.max()


def test_what_no_single_probability_can_cut_is_learnt() -> None:
    taught = [rafts(seed) for seed in range(4)]
    weights = learn([fragments(p) for p, _ in taught], [labels for _, labels in taught])
    assert weights is not None
    assert len(weights) == 1 + merging.FEATURES
    probabilities, labels = rafts(99)
    assert right(merged(fragments(probabilities), weights), labels) > 0.95
    classes = probabilities.argmax(axis=0).astype(np.uint8)
    for seed_probability in np.arange(0, 1, 0.1):
        assert right(instances_of(probabilities, classes, 1, seed_probability), labels) < 0.7


def test_it_is_chosen_where_it_finds_more_cells() -> None:
    task = Segmentation(SegmentationSettings())
    taught = [rafts(seed) for seed in range(4)]
    truth = [ClassMap(p.argmax(axis=0).astype(np.uint8), labels) for p, labels in taught]
    encoded = [task.learning.encode(p[1]) for p, _ in taught]
    calibrated = task.answering.calibrate([p for p, _ in taught], truth, encoded)
    assert calibrated.merging is not None
    assert calibrated.seed_probability is None
    assert not Segmentation(calibrated).answering.needs_calibration
    probabilities, labels = rafts(99)
    record = Record("a", "a", probabilities[1], {})
    answer = Segmentation(calibrated).answering.decode(probabilities, task.learning.encode(record.image))
    assert right(answer.instances, labels) > 0.95


def test_too_little_teaches_nothing() -> None:
    probabilities, labels = rafts(0)
    assert learn([fragments(probabilities[:, :40])], [labels[:40]]) is None
    assert learn([], []) is None


@pytest.mark.parametrize("fill", [0, 1])
def test_an_image_of_one_thing_has_one_cell_or_none(fill: int) -> None:
    probabilities = np.zeros((3, 20, 30), np.float32)
    probabilities[fill] = 1
    pieces = fragments(probabilities)
    found = merged(pieces, [0.0] * (1 + merging.FEATURES))
    assert found.shape == (20, 30)
    assert (found == fill).all()


def test_a_shallow_valley_is_no_border() -> None:
    """Log odds by hand: 0.9 is 2.11, 0.8 is 1.34, 0.6 is 0.40; a valley is shallow above 2.11 - 1.0."""
    for valley, count in ((0.8, 1), (0.6, 2)):
        probabilities = np.zeros((3, 20, 60), np.float32)
        probabilities[1] = 0.9
        probabilities[1, :, 25:35] = valley
        probabilities[2] = 1 - probabilities[1]
        assert fragments(probabilities).labels.max() == count


def by_hand() -> Fragments:
    """Three fragments in a row, 2x2 px each, and their passes."""
    labels = np.array([[1, 1, 2, 2, 3, 3], [1, 1, 2, 2, 3, 3]], np.int32)
    moments = np.zeros((4, 6))
    for number, x in ((1, 0.5), (2, 2.5), (3, 4.5)):
        moments[number] = [4, 4 * x, 2, 4 * (x * x + 0.25), 2, 2 * x]
    return Fragments(
        labels,
        np.array([-np.inf, 3.0, 2.0, 5.0]),
        moments,
        np.array([1, 1, 2, 2]),
        np.array([2, 2, 3, 3]),
        np.array([0.5, 1.5, -1.0, -3.0]),
    )


def test_borders_by_hand() -> None:
    first, second, length, mean, highest = by_hand().borders()
    assert (first.tolist(), second.tolist()) == ([1, 2], [2, 3])
    assert length.tolist() == [2, 2]
    assert mean.tolist() == [1.0, -2.0]
    assert highest.tolist() == [1.5, -1.0]


def test_what_is_known_of_a_border_by_hand() -> None:
    """Squares of 2 px: length and width 2; two of them side by side are 4 px long and 2 px wide, and fill that."""
    _, _, found = merging.features(by_hand())
    one = [1.0, 1.5, 2 - 1.5, 2.0, np.log(2), 2 / 2, np.log(4), np.log(4), 2.0, 1.0, 8 / (4 * 2)]
    np.testing.assert_allclose(found[0], one, atol=1e-12)
    np.testing.assert_allclose(found[1, :4], [-2.0, -1.0, 3.0, 2.0])


def test_sums_of_fragments_add_up() -> None:
    joined = by_hand().joined(np.array([0, 1, 1, 2]))
    assert joined.peaks.tolist() == [-np.inf, 3.0, 5.0]
    np.testing.assert_allclose(joined.moments[1], by_hand().moments[1] + by_hand().moments[2])
    assert (joined.first.tolist(), joined.second.tolist(), joined.passes.tolist()) == ([1, 1], [2, 2], [-1.0, -3.0])


def test_fragments_tell_of_themselves_what_their_pixels_say() -> None:
    probabilities, _ = rafts(5)
    pieces = fragments(probabilities)
    assert (np.bincount(pieces.labels.ravel())[1:] == pieces.moments[1:, 0]).all()
    for number in (1, pieces.labels.max()):
        y, x = np.nonzero(pieces.labels == number)
        expected = [len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]
        np.testing.assert_allclose(pieces.moments[number], expected)


def test_the_likeliest_are_merged_first_and_each_merged_cell_is_judged_anew() -> None:
    """The pass counts for merging, the area of the larger against it: 1 and 2 go together, and then are too large for 3."""
    pieces = by_hand()
    passes = Fragments(
        pieces.labels, pieces.peaks, pieces.moments, pieces.first, pieces.second, np.array([2.0, 2, 1, 1])
    )
    weights = np.zeros(1 + merging.FEATURES)
    weights[1 + 1], weights[1 + 7] = 1.0, -1.0  # highest pass, logarithm of the larger area
    weights[0] = 0.8  # 2 - log 4 + 0.8 > 0; 1 - log 4 + 0.8 > 0; 1 - log 8 + 0.8 < 0
    assert merged(passes, weights.tolist())[0].tolist() == [1, 1, 1, 1, 2, 2]
    weights[0] = 1.2  # 1 - log 8 + 1.2 > 0
    assert merged(passes, weights.tolist())[0].tolist() == [1, 1, 1, 1, 1, 1]
