"""Free, trapped or stuck."""

from __future__ import annotations

import math

import numpy as np
import paths
import pytest

from brightfield.beads.trajectories import Track
from brightfield.beads.trajectories.judging import classify, rms_error_um


def kinds(corner_hz: float, frames: int, beads: int, noise_um: float = 0.005) -> list[str]:
    return [classify(paths.bead(corner_hz, frames, seed, noise_um), paths.SAMPLING).kind for seed in range(beads)]


@pytest.mark.parametrize(("frames", "noise_um"), [(100, 0.005), (800, 0.005), (800, 0.1)])
def test_free_beads(frames: int, noise_um: float) -> None:
    found = kinds(0, frames, 20, noise_um)
    assert found.count("free") >= 18
    assert "trapped" not in found


@pytest.mark.parametrize("corner_hz", [8, 40, 120])
def test_trapped_beads(corner_hz: float) -> None:
    found = kinds(corner_hz, 2000, 5)
    assert found == ["trapped"] * 5


def test_a_trap_too_weak_for_the_record_is_never_surely_a_trap_or_stuck() -> None:
    assert set(kinds(0.3, 1500, 6)) <= {"free", "unclear"}  # 7 relaxation times


def test_stuck_beads() -> None:
    rng = np.random.default_rng(0)
    for frames in (50, 500):
        noise = rng.normal(0, 0.01, (8, frames, 2))
        slow = 0.005 * np.linspace(0, 1, frames)[:, None]
        tracks = [Track(np.arange(frames), positions) for positions in (*noise, *(noise + slow))]
        beads = [classify(track, paths.SAMPLING) for track in tracks]
        assert [bead.kind for bead in beads].count("stuck") >= 15
        assert math.isnan(beads[0].diffusion_um2_s.value)
        assert beads[0].localisation_um.value == pytest.approx(0.01, rel=0.25)


def test_short_tracks_tell_nothing() -> None:
    bead = classify(paths.bead(0, 19, seed=0), paths.SAMPLING)
    assert (bead.kind, bead.free, bead.trap) == ("short", None, None)
    assert math.isnan(bead.diffusion_um2_s.value)


def test_one_error_for_a_track() -> None:
    assert rms_error_um([[3.0, 4.0]], 0.1) == pytest.approx(0.1 * math.sqrt(12.5))
