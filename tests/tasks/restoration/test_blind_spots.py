"""Hidden pixels: their own value is nowhere in what the network sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brightfield.tasks.restoration import blind_spots
from brightfield.tasks.restoration.blind_spots import SPACING_PX, Mask


def hide(image: np.ndarray, rng: np.random.Generator, mask: Mask = "pixel") -> tuple[np.ndarray, np.ndarray]:
    seen, hidden = blind_spots.hide(torch.from_numpy(image)[None, None], rng, mask)
    return seen[0, 0].numpy(), hidden[0, 0].numpy()


@pytest.mark.parametrize("shape", [(32, 32), (17, 40), (3, 3), (1, 9), (1, 1)])
def test_a_hidden_pixel_shows_nothing_of_itself(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    _, hidden = hide(image, np.random.default_rng(1))
    rows, columns = np.nonzero(hidden)
    assert len(rows) > 0
    before = hide(image, np.random.default_rng(1))[0]
    for y, x in zip(rows, columns, strict=True):
        alone = image.copy()
        alone[y, x] += 1e6
        seen, same = hide(alone, np.random.default_rng(1))
        np.testing.assert_array_equal(same, hidden)
        assert seen[y, x] == before[y, x]


def test_what_is_not_hidden_stays_and_what_is_shows_the_median_around() -> None:
    image = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    seen, hidden = hide(image, np.random.default_rng(2))
    np.testing.assert_array_equal(seen[hidden == 0], image[hidden == 0])
    y, x = next((y, x) for y, x in zip(*np.nonzero(hidden), strict=True) if 2 <= y < 38 and 2 <= x < 38)
    around = np.delete(image[y - 2 : y + 3, x - 2 : x + 3].ravel(), 12)
    assert seen[y, x] == pytest.approx(np.median(around))


def test_at_a_border_the_median_is_of_what_there_is() -> None:
    image = np.arange(9, dtype=np.float32).reshape(3, 3)  # all of it lies within two pixels of each of its pixels
    for seed in range(9):
        seen, hidden = hide(image, np.random.default_rng(seed))
        ((y, x),) = zip(*np.nonzero(hidden), strict=True)
        assert seen[y, x] == np.median(np.delete(image.ravel(), 3 * y + x))


def test_every_image_has_a_grid_of_its_own_and_every_pixel_its_turn() -> None:
    _, masks = blind_spots.hide(torch.zeros(60, 1, 60, 60), np.random.default_rng(0))
    torch.testing.assert_close(masks.mean(dim=(1, 2, 3)), torch.full((60,), 1 / SPACING_PX**2))
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == SPACING_PX**2
    assert float(masks.mean(dim=0).min()) > 0


def test_images_of_a_batch_are_hidden_each_for_itself() -> None:
    images = torch.randn(12, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    seen, hidden = blind_spots.hide(images, np.random.default_rng(0))
    for image, of_image, mask in zip(images[:, 0].numpy(), seen[:, 0].numpy(), hidden[:, 0].numpy(), strict=True):
        np.testing.assert_array_equal(of_image[mask == 0], image[mask == 0])
        y, x = next((y, x) for y, x in zip(*np.nonzero(mask), strict=True) if 2 <= y < 18 and 2 <= x < 18)
        around = np.delete(image[y - 2 : y + 3, x - 2 : x + 3].ravel(), 12)
        assert of_image[y, x] == pytest.approx(np.median(around))


@pytest.mark.parametrize("shape", [(32, 32), (17, 40), (3, 3)])
def test_a_hidden_row_shows_nothing_of_itself(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before, hidden = hide(image, np.random.default_rng(1), "row")
    rows = np.flatnonzero(hidden.any(axis=1))
    assert len(rows) > 0
    assert hidden[rows].all()  # whole rows
    np.testing.assert_array_equal(before[hidden == 0], image[hidden == 0])
    for row in rows:
        other = image.copy()
        other[row] += 1e6
        np.testing.assert_array_equal(hide(other, np.random.default_rng(1), "row")[0][row], before[row])


def test_every_row_has_its_turn_and_columns_are_rows_of_the_image_turned() -> None:
    image = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    seen, hidden = hide(image, np.random.default_rng(2), "column")
    turned, turned_hidden = hide(image.T.copy(), np.random.default_rng(2), "row")
    np.testing.assert_array_equal(seen.T, turned)
    np.testing.assert_array_equal(hidden.T, turned_hidden)
    _, masks = blind_spots.hide(torch.zeros(60, 1, 30, 30), np.random.default_rng(0), "row")
    torch.testing.assert_close(masks.mean(dim=(1, 2, 3)), torch.full((60,), 1 / SPACING_PX))
    assert float(masks.mean(dim=0).min()) > 0
