"""Cells by Otsu's threshold."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield import params
from brightfield.data.records import Record
from brightfield.results import ClassMap
from brightfield.tasks.segmentation.beside import SegmentationBeside, otsu

SETTINGS = params.SegmentationSettings(pixel_size_um=0.1, contour_um=0.2, min_area_px=20)


def field(sign: float, rods: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Rods of 6 x 18 px with round ends whose upper left corners are given, brighter or darker than a slope; and their labels."""
    y, x = np.mgrid[:90, :120]
    labels = np.zeros((90, 120), np.int32)
    for number, (top, left) in enumerate(rods, start=1):
        along = np.clip(x, left + 3, left + 14)
        labels[np.hypot(x - along, y - top - 2.5) <= 3] = number
    noise = np.random.default_rng(0).normal(0, 8, labels.shape)
    return (1000 + 1.5 * x + 0.5 * y + sign * 200 * (labels > 0) + noise).astype(np.float32), labels


@pytest.mark.parametrize("sign", [1, -1])
def test_cells_brighter_or_darker_than_uneven_ground_are_found(sign: float) -> None:
    image, labels = field(sign, [(10, 10), (40, 30), (70, 90)])
    beside = SegmentationBeside(SETTINGS)
    answer = otsu(SETTINGS, [])(image)
    compared = beside.compared(answer, beside.truth(Record("a", "a", image, {"labels": labels})))
    assert compared["ap50"] == 1
    assert compared["dice"] > 0.9
    numbers = beside.numbers(answer, image)
    assert numbers["cells"] == 3
    assert numbers["cover"] == pytest.approx((labels > 0).mean(), rel=0.15)


def test_cells_that_touch_end_to_end_are_cut_and_long_ones_are_not() -> None:
    image, _ = field(-1, [(10, 10), (10, 27), (50, 30)])
    instances = otsu(SETTINGS, [])(image).instances
    assert instances.max() == 3
    assert instances[12, 18] != instances[12, 36]


def test_noise_and_an_even_image_have_no_cell() -> None:
    noise = np.random.default_rng(1).normal(500, 10, (90, 120)).astype(np.float32)
    answered = otsu(SETTINGS, [])
    assert answered(noise).instances.max() == 0
    assert answered(np.full((40, 40), 7, np.uint8)).instances.max() == 0


def test_answers_without_cells_agree_on_no_number() -> None:
    nothing = ClassMap(np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.int32))
    compared = SegmentationBeside(SETTINGS).compared(nothing, nothing)
    assert np.isnan(compared["ap50"])
    assert np.isnan(compared["dice"])
