"""Mean squared displacements against sums by hand and known beads."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import paths
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightfield.beads.trajectories import Sampling, Track
from brightfield.beads.trajectories.displacement import ensemble, free_msd, msd


def test_by_hand_with_a_gap() -> None:
    track = Track(
        np.array([0, 1, 2, 4, 5, 6, 7, 8]), np.array([[0, 0], [1, 0], [1, 2], [0, 0], [3, 4], [0, 0], [0, 1], [0, 0.0]])
    )
    table = msd(track, Sampling(10))
    assert table["lag_frames"].tolist() == [1, 2]
    assert table["lag_s"].tolist() == [0.1, 0.2]
    assert table["pairs"].tolist() == [6, 5]
    assert table["msd_um2"].tolist() == pytest.approx([(1 + 4 + 25 + 25 + 1 + 1) / 6, (5 + 5 + 0 + 18 + 0) / 5])


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.6))
@settings(deadline=None, max_examples=20)
def test_it_is_what_its_definition_says(seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    track = paths.with_gaps(Track(np.arange(80), 1000 + rng.normal(size=(80, 2)).cumsum(axis=0)), missing, seed)
    place = dict(zip(track.frames.tolist(), track.positions, strict=True))
    for row in msd(track, paths.SAMPLING).itertuples():
        squares = [((place[t + row.lag_frames] - place[t]) ** 2).sum() for t in place if t + row.lag_frames in place]
        assert row.pairs == len(squares)
        assert row.msd_um2 == pytest.approx(np.mean(squares), rel=1e-6, abs=1e-9)


def test_free_beads_follow_their_line() -> None:
    sampling = Sampling(paths.RATE_HZ, 0.5 / paths.RATE_HZ)
    table = ensemble(msd(paths.bead(0, 2000, seed, 0.03, exposed=0.5), sampling) for seed in range(30))
    expected = free_msd(table["lag_s"].to_numpy(), paths.DIFFUSION, 0.03, sampling)
    away = (table["msd_um2"] - expected) / table["standard_error_um2"]
    assert np.abs(away).max() < 4
    assert table["msd_um2"][0] == pytest.approx(expected[0], rel=0.02)
    assert (table["beads"] == 30).all()


@pytest.mark.parametrize("corner_hz", [0.0, 20.0])
def test_the_error_of_one_bead_is_the_spread_between_beads(corner_hz: float) -> None:
    tables = [msd(paths.bead(corner_hz, 600, seed), paths.SAMPLING) for seed in range(80)]
    values = np.array([table["msd_um2"] for table in tables])
    said = np.sqrt(np.mean([table["standard_error_um2"] ** 2 for table in tables], axis=0))
    ratio = values.std(axis=0) / said
    assert ratio[:40].min() > 0.6
    assert ratio[:40].max() < 1.5


def test_a_trap_levels_off() -> None:
    table = msd(paths.bead(40.0, 8000, seed=0), paths.SAMPLING)
    late = table[table["lag_s"].between(0.05, 0.5)]["msd_um2"]
    assert late.max() < 1.2 * late.min()


def test_hardly_any_frames_and_no_beads() -> None:
    assert msd(paths.bead(0, 1, seed=0), paths.SAMPLING).empty
    assert msd(Track(np.array([0, 5]), np.zeros((2, 2))), paths.SAMPLING).empty
    assert ensemble([]).empty
    alone = ensemble([msd(paths.bead(0, 20, seed=0), paths.SAMPLING)])
    assert math.isnan(alone["standard_error_um2"][0])
    assert pd.api.types.is_integer_dtype(alone["lag_frames"])
