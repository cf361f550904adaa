"""How far a model of cells agrees with itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from brightfield import images
from brightfield.tasks.doubts import SHRUNK, SIDE_PX, UNSEEN
from brightfield.tasks.segmentation import agreement

Labels = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
NOISE = np.random.default_rng(0).normal(1000, 10, (100, 80)).astype(np.float32)


def field() -> tuple[Floats, Labels]:
    """A bright cell left of the middle, in noise."""
    cells = np.zeros((100, 80), np.int32)
    cells[20:80, 10:30] = 1
    return NOISE + 500 * (cells > 0), cells


def sure(cells: Labels, probability: float = 0.9985) -> Floats:
    """Probabilities of background, body and contour: of the body in cells, of the background elsewhere."""
    body = np.where(cells > 0, probability, 1 - probability)
    return np.stack([1 - body, body, np.zeros_like(body)]).astype(np.float32)


def threshold(image: images.Image) -> tuple[Labels, Floats]:
    """A model that answers every view of the field in the same way."""
    cells = (image > 1250).astype(np.int32)
    return cells, sure(cells)


def test_dice_by_hand() -> None:
    first, second = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    assert agreement.dice(first, second) == pytest.approx(0.5)
    assert agreement.dice(first, ~first) == 0
    assert agreement.dice(first & ~first, first & ~first) == 1


def test_expected_dice_by_hand() -> None:
    mask = np.array([[1, 1, 0, 0]], bool)
    assert agreement.expected_dice(mask, mask.astype(np.float32)) == 1
    # inside 0.8 + 0.6, everywhere 1.4 + 0.5 + 0.1
    assert agreement.expected_dice(mask, np.array([[0.8, 0.6, 0.5, 0.1]], np.float32)) == pytest.approx(2 * 1.4 / 4)


def test_a_model_that_is_sure_and_answers_all_views_alike_agrees() -> None:
    image, cells = field()
    assert agreement.of_field(cells, sure(cells), image, threshold) > 0.94


def test_the_view_is_mirrored_and_smaller() -> None:
    image, cells = field()
    seen: list[images.Image] = []

    def watch(view: images.Image) -> tuple[Labels, Floats]:
        seen.append(view)
        return threshold(view)

    agreement.of_field(cells, sure(cells), image, watch)
    (view,) = seen
    assert view.shape == (85, 68)
    np.testing.assert_array_equal(view, images.magnified(image[:, ::-1], SHRUNK))


def test_each_of_four_numbers_lowers_the_product() -> None:
    image, cells = field()

    def elsewhere(view: images.Image) -> tuple[Labels, Floats]:
        found, _ = threshold(view)
        return np.roll(found, found.shape[0] // 2, axis=0), sure(found)

    def unsure(view: images.Image) -> tuple[Labels, Floats]:
        found, _ = threshold(view)
        return found, sure(found, 0.7)

    whole = agreement.of_field(cells, sure(cells), image, threshold)
    assert agreement.of_field(cells, sure(cells), image, elsewhere) < 0.5 * whole
    assert agreement.of_field(cells, sure(cells), image, unsure) == pytest.approx(0.7 * whole, rel=0.02)
    halved = agreement.of_field(cells, sure(cells, 0.8), image, threshold)
    expected = 0.8 * agreement.expected_dice(
        cells > 0, sure(cells, 0.8)[1]
    )  # less certain, and more probable elsewhere
    assert halved == pytest.approx(expected * whole, rel=0.03)


def test_without_cells_it_counts_whether_there_is_something() -> None:
    image, cells = field()
    nothing = np.zeros_like(cells)
    assert agreement.of_field(nothing, sure(nothing), NOISE, threshold) == UNSEEN
    assert agreement.of_field(nothing, sure(nothing), image, threshold) == 0


def test_of_a_large_field_the_part_with_the_most_structure_is_answered_again() -> None:
    large = np.random.default_rng(0).normal(1000, 10, (1400, 1300)).astype(np.float32)
    cells = np.zeros(large.shape, np.int32)
    cells[1200:1300, 1100:1200] = 1
    large[cells > 0] += 500
    seen: list[images.Image] = []

    def watch(view: images.Image) -> tuple[Labels, Floats]:
        seen.append(view)
        return threshold(view)

    assert agreement.of_field(cells, sure(cells), large, watch) > 0.94
    assert max(seen[0].shape) <= round(SHRUNK * SIDE_PX)


def test_a_method_without_probabilities_is_never_sure() -> None:
    image, cells = field()
    certain = agreement.of_field(cells, sure(cells, 1.0), image, threshold)
    assert certain == pytest.approx(0.5 * agreement.of_field(cells, sure(cells), image, threshold) ** 6, rel=0.2)
    assert agreement.DOUBTS.expected(certain) > 0.4
