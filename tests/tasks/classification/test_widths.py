"""The width of the cell in a crop."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import tiny
from brightfield import images, tasks
from brightfield.tasks.classification import widths

SIDE, WIDTH = 85, 40


def crop(width: float = WIDTH, seed: int = 0, pale: float = 0.0) -> npt.NDArray[np.uint8]:
    """A reddish disc on a light ground, whose middle may be pale."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 - rng.uniform(-2, 2, (2, 1, 1))
    radius = np.hypot(y, x)
    depth = (radius < width / 2) * np.where(radius < width / 8, 1 - pale, 1.0)
    image = np.array([220, 225, 215]) - depth[..., None] * np.array([40, 90, 80]) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("pale", [0.0, 0.9])
@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_the_width_follows_the_magnification(factor: float, pale: float) -> None:
    shown = [crop(seed=seed, pale=pale) for seed in range(5)]
    scaled = shown if factor == 1 else [images.magnified(image, factor) for image in shown]
    assert widths.of_crops(scaled) == pytest.approx(factor * WIDTH, rel=0.05)
    assert widths.of_crops([images.to_grey(image) for image in scaled]) == pytest.approx(factor * WIDTH, rel=0.06)


def test_a_neighbour_that_does_not_touch_does_not_count() -> None:
    image = crop(30)
    image[:, :12] = crop(30)[SIDE // 2, SIDE // 2]
    assert widths.of_crop(image) == pytest.approx(30, rel=0.08)


def test_a_cell_that_hangs_together_with_the_border_is_measured_without_what_it_hangs_on() -> None:
    image = crop()
    image[35:50, : SIDE // 2] = image[SIDE // 2, SIDE // 2]
    assert widths.of_crop(image) == pytest.approx(WIDTH, rel=0.06)


@pytest.mark.parametrize("pale", [0.0, 0.9])
def test_of_cells_that_are_cut_at_each_side_the_width_is_about_that_of_the_crop(pale: float) -> None:
    shown = [crop(SIDE - 3, seed, pale) for seed in range(5)]
    assert widths.of_crops(shown) == pytest.approx(SIDE - 3, rel=0.08)


def test_the_pale_middle_of_a_cell_that_fills_the_crop_is_no_cell() -> None:
    shown = [crop(2 * SIDE, seed, pale=0.9) for seed in range(5)]
    assert widths.of_crop(shown[0]) is None
    assert widths.of_crops(shown) is None
    assert widths.of_crops([*shown, crop(), crop(), crop()]) is None
    assert widths.of_crop(crop(2 * SIDE)) is None


def test_a_crop_without_a_cell_has_no_width() -> None:
    assert widths.of_crop(np.full((40, 40), 7, np.uint8)) is None


def test_one_crop_is_not_enough() -> None:
    assert widths.of_crops([crop(), crop(seed=1)]) is None
    assert widths.of_crops([]) is None


def test_a_model_knows_cells_in_crops_of_its_own_size() -> None:
    """Those of another size are resized as a whole."""
    settings = tiny.SETTINGS["classification"].model_copy(update={"size_px": 2 * 32})
    records = tiny.records("classification", 8)
    usual = tasks.build("classification", tiny.SETTINGS["classification"]).learning.known_width(records)
    twice = tasks.build("classification", settings).learning.known_width(records)
    assert usual is not None
    assert usual == pytest.approx(18, rel=0.2)
    assert twice == pytest.approx(2 * usual, rel=0.1)
