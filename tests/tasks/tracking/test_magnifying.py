"""The magnification at which a network finds beads best, and the positions that come back from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from brightfield import images, params
from brightfield.results import Points
from brightfield.tasks.tracking import magnifying
from brightfield.tasks.tracking.answering import TrackingAnswering

SIDE_PX = 200


def frame(enlarged: float = 1.0) -> np.ndarray:
    """White noise, or noise of a frame that was enlarged."""
    rng = np.random.default_rng(0)
    small = rng.normal(1000, 30, (round(SIDE_PX / enlarged),) * 2)
    return images.resized(small, (SIDE_PX, SIDE_PX)) if enlarged != 1 else small


def chosen(agreements: Mapping[float, float], shown: np.ndarray) -> float | None:
    def agree(seen: np.ndarray) -> float:
        return agreements.get(round(seen.shape[0] / SIDE_PX, 2), 0.0)

    return magnifying.factor([shown, shown], agree)


def test_on_white_noise_only_a_clear_gain_counts() -> None:
    assert chosen({1: 0.5, 0.5: 0.65}, frame()) is None
    assert chosen({1: 0.3, 0.5: 0.65}, frame()) == 0.5


def test_where_noise_is_smooth_the_most_agreement_counts() -> None:
    assert chosen({1: 0.5, 0.5: 0.65}, frame(enlarged=2)) == 0.5
    assert chosen({1: 0.5, 0.5: 0.4}, frame(enlarged=2)) is None


def test_of_nearly_equal_agreements_the_larger_magnification_counts() -> None:
    assert chosen({1: 0.1, 0.7: 0.5, 0.5: 0.75, 0.25: 0.8}, frame()) == 0.5


def test_frames_are_not_made_so_small_that_nothing_is_left() -> None:
    seen: list[int] = []
    magnifying.factor([frame()[:60, :60]], lambda image: seen.append(min(image.shape)) or 0.0)  # type: ignore[func-returns-value]
    assert min(seen) >= magnifying.LEAST_PX
    assert magnifying.factor([], lambda image: 0.0) is None


@pytest.mark.parametrize("factor", [0.5, 0.35, 3.0])
def test_positions_and_errors_come_back_into_the_pixels_of_the_image(factor: float) -> None:
    """The centre of the first pixel is (0, 0) in both: a spot is where it was."""
    y, x = np.mgrid[:60, :90]
    image = np.exp(-((x - 40.3) ** 2 + (y - 22.6) ** 2) / (2 * 6.0**2)).astype(np.float32)
    seen = images.magnified(image, factor)
    total, rows, columns = seen.sum(), *np.mgrid[: seen.shape[0], : seen.shape[1]]
    there = np.array([[(seen * columns).sum() / total, (seen * rows).sum() / total]])
    answering = TrackingAnswering(params.TrackingSettings())
    back = answering.to_original_scale(Points(there, np.ones(1), np.full((1, 2), 0.1)), (60, 90), seen.shape[:2])
    np.testing.assert_allclose(back.positions, [[40.3, 22.6]], atol=0.02)
    assert back.errors is not None
    np.testing.assert_allclose(back.errors, 0.1 / factor, rtol=0.05)
