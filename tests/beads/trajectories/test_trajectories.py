"""When frames were taken, where a bead was seen, and numbers with their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brightfield.beads.trajectories import Estimate, Sampling, Track


def test_sampling() -> None:
    assert Sampling(50).open_s == Sampling(50).interval_s == 0.02
    assert Sampling(50).blur == pytest.approx(1 / 6)
    assert Sampling(50, 0.01).blur == pytest.approx(1 / 12)
    assert Sampling(50, 0.0).blur == 0


@pytest.mark.parametrize(("rate", "exposure"), [(0, None), (-1, None), (math.nan, None), (50, 0.021), (50, -0.001)])
def test_what_is_no_sampling(rate: float, exposure: float | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Sampling(rate, exposure)


def test_a_track_knows_its_gaps() -> None:
    track = Track(np.array([4, 5, 8]), np.array([[1.0, 0], [2, 0], [6, 3]]))
    filled, seen = track.filled()
    assert (len(track), track.span) == (3, 5)
    assert seen.tolist() == [True, True, False, False, True]
    assert filled.tolist() == [[-2, -1], [-1, -1], [0, 0], [0, 0], [3, 2]]


@pytest.mark.parametrize(
    ("frames", "positions"),
    [([], np.zeros((0, 2))), ([1, 1], np.zeros((2, 2))), ([0, 1], np.zeros((2, 3))), ([0, 1], np.full((2, 2), np.nan))],
)
def test_what_is_no_track(frames: list[int], positions: np.ndarray) -> None:
    with pytest.raises(ValueError, match="track|frames|positions"):
        Track(np.array(frames, dtype=np.int64), positions)


def test_intervals_of_positive_numbers_never_go_below_zero() -> None:
    exact = Estimate.positive(2.0, 0.2)
    assert exact.low * exact.high == pytest.approx(4.0)
    assert exact.high == pytest.approx(2 * math.exp(0.1959964))
    vague = Estimate.positive(2.0, 3.0)
    assert (vague.low, vague.high) == (0.0, pytest.approx(2 + 3 * 1.959964))
    assert Estimate.positive(2.0, math.inf) == Estimate(2.0, 0.0, math.inf)
    assert exact.map(lambda value: 1 / value) == Estimate(0.5, 1 / exact.high, 1 / exact.low)
    assert exact.contains(2.1)
    assert not exact.contains(4)
    assert not Estimate.unknown().contains(0)
