"""Each image is answered at its own pixel size: given, else stated by its file, else that of the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from brightfield import images, tasks
from brightfield.errors import BrightfieldError
from brightfield.prediction.pixel_sizes import PixelSizes


def test_a_file_without_a_size_has_that_of_the_training() -> None:
    sizes = PixelSizes(0.065, magnifiable=True)
    assert sizes.of("a", None) == (0.065, None)
    assert sizes.lines() == ["Pixel size: 0.065 um, that of the training; the files state none."]


def test_a_stated_size_is_used_and_images_are_magnified_to_the_training() -> None:
    sizes = PixelSizes(0.065, magnifiable=True)
    assert sizes.of("a", 0.13) == (0.13, 2)
    assert sizes.of("b", 0.0651) == (0.0651, 1)  # files round
    assert sizes.lines() == [
        "Pixel size: 0.0651, 0.13 um, as the files of 2 of 2 images state; the model sees them magnified 2 times (trained at "
        "0.065 um)."
    ]


def test_a_magnification_is_said_where_files_state_no_size() -> None:
    sizes = PixelSizes(0.14, magnification=1.4, magnifiable=True)
    assert sizes.of("a", None) == (0.14, 1.4)
    assert sizes.lines() == [
        "Pixel size: 0.14 um, that of the training; the files state none; the model sees them magnified 1.4 times (trained at "
        "0.14 um)."
    ]


def test_where_images_are_not_magnified_the_size_counts_all_the_same() -> None:
    sizes = PixelSizes(0.1)
    assert sizes.of("a", 0.2) == (0.2, None)
    assert sizes.of("b", 90.0) == (90.0, None)


def test_the_given_size_stands_over_the_files_and_says_so() -> None:
    sizes = PixelSizes(0.065, given_um=0.13, magnifiable=True)
    assert sizes.of("a", 0.065) == (0.13, 2)
    first, second = sizes.lines()
    assert first.startswith("Pixel size: 0.13 um, as given; the model sees them magnified 2 times")
    assert second == "warning: the files state 0.065 um; the 0.13 um given overrule them."


def test_a_given_magnification_stands_over_all() -> None:
    sizes = PixelSizes(0.065, magnification=3.0, magnifiable=True)
    assert sizes.of("a", 0.13) == (0.13, 3)
    assert sizes.of("b", 65.0) == (65.0, 3)


def test_files_without_a_size_among_others_are_counted() -> None:
    sizes = PixelSizes(0.065, magnifiable=True)
    sizes.of("a", 0.13)
    sizes.of("b", None)
    assert sizes.lines()[1].startswith(
        "warning: 1 of 2 images state no pixel size; that of the training is used, 0.065 um."
    )


def test_a_size_that_cannot_be_right_is_refused() -> None:
    sizes = PixelSizes(0.065, magnifiable=True)
    with pytest.raises(
        BrightfieldError, match=r"The file of a states a pixel size of 10 um.*at 0.065 um.*--pixel-size-um"
    ):
        sizes.of("a", 10.0)
    assert PixelSizes(0.065, given_um=10.0, magnifiable=True).of("a", None)[0] == 10


@pytest.mark.parametrize(("given", "expected"), [(None, None), (0.14, 1.0), (0.1402, 1.0), (0.07, 0.5)])
def test_crops_are_magnified_by_what_is_given_and_not_by_their_files(
    given: float | None, expected: float | None
) -> None:
    """Training takes crops as they come, so a size that their files state must not change answers."""
    task = tasks.build("classification", tiny.SETTINGS["classification"].model_copy(update={"pixel_size_um": 0.14}))
    sizes = PixelSizes.of_task(task, "rbc", given)
    assert sizes.of("a", 0.05)[1] == expected
    crop = np.full((40, 40, 3), 7, np.uint8)
    seen = sizes.seen(task, images.Frame("a", crop, Path("a.tif"), images.Header(pixel_size_um=0.05)))
    side = task.settings.size_px
    assert seen.shape == (crop.shape if expected is None else (side, side, 3))
