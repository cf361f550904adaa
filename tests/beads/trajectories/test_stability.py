"""Allan deviations of noise, of drift and of traps."""

from __future__ import annotations

import numpy as np
import paths
import pytest

from brightfield.beads.trajectories import Track
from brightfield.beads.trajectories.stability import allan, best_averaging


def noise(frames: int, seed: int) -> Track:
    return Track(np.arange(frames), np.random.default_rng(seed).normal(0, 0.02, (frames, 2)))


def test_by_hand() -> None:
    track = Track(np.arange(5), np.array([[0, 0], [1, 0], [3, 0], [2, 0], [2, 4.0]]))
    table = allan(track, paths.SAMPLING)
    # of 1: steps (1, 2, -1, 0) and (0, 0, 0, 4); of 2: means 0.5, 2, 2.5, 2 -> 2, 0 and 0, 0, 0, 2 -> 0, 2
    assert table["averaged_frames"].tolist() == [1, 2]
    assert table["deviation_um"].tolist() == pytest.approx([np.sqrt(22 / 16), np.sqrt((4 + 0 + 0 + 4) / 8)])
    assert table["windows"].tolist() == [4, 2]


def test_white_noise_falls_with_the_root_of_time_and_intervals_cover_it() -> None:
    tables = [allan(noise(3000, seed), paths.SAMPLING) for seed in range(40)]
    truth = 0.02 / np.sqrt(tables[0]["averaged_frames"])
    mean = np.sqrt(np.mean([table["deviation_um"] ** 2 for table in tables], axis=0))
    np.testing.assert_allclose(mean[:25], truth[:25], rtol=0.06)
    covered = np.mean([(table["low_um"] <= truth) & (table["high_um"] >= truth) for table in tables], axis=0)
    assert covered.mean() > 0.9
    assert covered.min() > 0.8


def test_gaps_are_bridged() -> None:
    whole, gappy = (allan(track, paths.SAMPLING) for track in (noise(4000, 0), paths.with_gaps(noise(4000, 0), 0.1)))
    both = slice(2, 25)
    ratio = gappy["deviation_um"][both].to_numpy() / whole["deviation_um"][both].to_numpy()
    assert ratio.mean() == pytest.approx(1 / np.sqrt(0.9), abs=0.04)  # so many fewer frames in a window
    hole = Track(np.concatenate([np.arange(100), np.arange(600, 700)]), np.zeros((200, 2)))
    # no two windows that follow each other are seen by half
    assert allan(hole, paths.SAMPLING)["averaged_frames"].max() < 200


def test_a_straight_drift_rises_with_time() -> None:
    track = Track(np.arange(1000), 0.001 * np.arange(1000)[:, None] * [1.0, 1.0])
    table = allan(track, paths.SAMPLING)
    np.testing.assert_allclose(table["deviation_um"], 0.001 * table["averaged_frames"] / np.sqrt(2), rtol=1e-6)


def test_the_steadiest_time_lies_between_thermal_motion_and_drift() -> None:
    track = paths.bead(40, 8000, seed=0)
    moving = Track(track.frames, track.positions + 2e-6 * np.arange(8000)[:, None])
    time, deviation = best_averaging(allan(moving, paths.SAMPLING))
    assert 0.1 < time < 5
    assert deviation < 0.01


def test_hardly_any_frames() -> None:
    one = allan(noise(1, 0), paths.SAMPLING)
    assert one.empty
    assert np.isnan(best_averaging(one)).all()
    assert len(allan(noise(2, 0), paths.SAMPLING)) == 1
