"""Drift is what beads have in common, whoever is missing and whoever jumps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brightfield.beads.trajectories.drift import drift, subtract
from brightfield.errors import BrightfieldError

FRAMES = 200
SHIFT = np.stack([0.02 * np.arange(FRAMES), np.sin(np.arange(FRAMES) / 40)], axis=1)
SHIFT -= SHIFT[0]


def beads(number: int, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Beads that only drift."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 300, (number, 2))
    xy = SHIFT[:, None] + places + rng.normal(0, noise, (FRAMES, number, 2))
    frame, particle = np.mgrid[:FRAMES, :number].reshape(2, -1)
    return pd.DataFrame({"frame": frame, "particle": particle, "x": xy[..., 0].ravel(), "y": xy[..., 1].ravel()})


def error(found: pd.DataFrame) -> float:
    return float(np.abs(found[["x", "y"]].to_numpy() - SHIFT).max())


def test_beads_that_come_and_go() -> None:
    table = beads(7)
    missing = np.random.default_rng(0).uniform(size=len(table)) < 0.15
    found = drift(table[~missing])
    assert found is not None
    assert found["frame"].tolist() == list(range(FRAMES))
    assert error(found) < 1e-6
    still = subtract(table, found).groupby("particle")[["x", "y"]].std()
    assert still.to_numpy().max() < 1e-6


def test_one_bead_that_jumps_does_not_lead_the_others() -> None:
    table = beads(6)
    table.loc[(table["particle"] == 2) & (table["frame"] > 90), "x"] += 40.0
    found = drift(table)
    assert found is not None
    assert error(found) < 1e-6


def test_named_beads_and_frames_without_them() -> None:
    table = beads(4)
    # they move by themselves
    table.loc[table["particle"] < 2, "y"] += 0.3 * np.random.default_rng(0).normal(size=400).cumsum()
    gap = table["frame"].between(100, 104) & table["particle"].isin([2, 3])
    found = drift(table[~gap], reference=[3, 2])
    assert found is not None
    assert error(found) < 2e-3  # interpolated in the gap
    assert found["beads"][99:106].tolist() == [2, 0, 0, 0, 0, 0, 2]


def test_smoothing_takes_noise_away_and_leaves_a_straight_line() -> None:
    table = beads(3, noise=0.05)
    rough, smooth = (drift(table, [0, 1, 2], smoothing) for smoothing in (1, 15))
    assert rough is not None
    assert smooth is not None
    assert smooth["x"].diff().std() < 0.2 * rough["x"].diff().std()
    line = drift(beads(3), [0, 1], 21)
    assert line is not None
    np.testing.assert_allclose(line["x"], SHIFT[:, 0], atol=1e-9)


def test_few_beads_say_nothing_unless_they_are_named() -> None:
    assert drift(beads(4)) is None
    assert drift(beads(5)) is not None
    brief = beads(9)
    assert drift(brief[(brief["particle"] < 4) | (brief["frame"] < 100)]) is None  # five of them do not last
    assert drift(beads(1).iloc[:0]) is None
    one = drift(beads(1), [0])
    assert one is not None
    assert error(one) < 1e-9


def test_a_reference_that_is_not_there() -> None:
    with pytest.raises(BrightfieldError, match="no particle 7, 9 to take drift from. Known: 0 to 3."):
        drift(beads(4), [1, 9, 7])
