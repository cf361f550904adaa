"""How far a model of beads agrees with itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield import images
from brightfield.results import Points
from brightfield.tasks.doubts import UNSEEN
from brightfield.tasks.tracking import agreement

Positions = npt.NDArray[np.float64]
PLACES = np.array([[20.0, 30.0], [70.0, 15.0], [44.5, 61.25]])
NOISE = np.random.default_rng(0).normal(1000, 10, (80, 100)).astype(np.float32)


def frame() -> images.Image:
    y, x = np.mgrid[:80, :100]
    light = NOISE.copy()
    for px, py in PLACES:
        light += 500 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 3.0**2))
    return light


def mirrored(positions: Positions) -> Positions:
    """Where the beads are in the changed view of the frame, of 68 x 85 pixels."""
    view = (positions + 0.5) * 0.85 - 0.5
    return np.column_stack([84 - view[:, 0], view[:, 1]])


def test_positions_return_from_the_view() -> None:
    back = agreement.to_original(mirrored(PLACES), (68, 85), (80, 100))
    np.testing.assert_allclose(back, PLACES, atol=1e-9)
    assert agreement.to_original(np.zeros((0, 2)), (68, 85), (80, 100)).shape == (0, 2)


def test_the_same_share_by_hand() -> None:
    assert agreement.same_share(PLACES, PLACES + 0.5, 1.0) == 1
    assert agreement.same_share(PLACES, PLACES[:1], 1.0) == pytest.approx(2 * 1 / 4)
    assert agreement.same_share(PLACES, PLACES + 3, 1.0) == 0
    assert agreement.same_share(PLACES[:0], PLACES[:0], 1.0) == 1


@pytest.mark.parametrize(("again", "quality", "expected"), [(3, 1.0, 1.0), (3, 0.5, 0.5), (1, 1.0, 0.5), (0, 1.0, 0.0)])
def test_beads_that_are_found_again_count_by_their_quality(again: int, quality: float, expected: float) -> None:
    seen: list[images.Image] = []

    def find(view: images.Image) -> Positions:
        seen.append(view)
        return mirrored(PLACES[:again])

    found = agreement.of_frame(Points(PLACES, np.full(3, quality)), frame(), find, 1.0)
    assert found == pytest.approx(expected)
    np.testing.assert_array_equal(seen[0], images.magnified(frame()[:, ::-1], 0.85))


def test_without_beads_it_counts_whether_there_is_something() -> None:
    nothing = Points(np.zeros((0, 2)), np.zeros(0))
    assert agreement.of_frame(nothing, NOISE, lambda _: PLACES, 1.0) == UNSEEN
    assert agreement.of_frame(nothing, frame(), lambda _: PLACES, 1.0) == 0


def test_of_a_large_frame_the_beads_of_the_busiest_part_count() -> None:
    large = np.random.default_rng(0).normal(1000, 10, (1300, 1200)).astype(np.float32)
    large[900:980, 1000:1100] = frame()
    there = PLACES + np.array([1000, 900])
    places = np.concatenate([there, [[100.0, 100.0]]])  # the last one lies far away, and is not seen again
    points = Points(places, np.array([1.0, 1.0, 1.0, 0.1]))

    def find(view: images.Image) -> Positions:
        spots, count = ndimage.label(view > 1250)
        return np.array(ndimage.center_of_mass(view - 1000, spots, range(1, count + 1)))[:, ::-1]

    assert agreement.of_frame(points, large, find, 1.0) == pytest.approx(1.0)
