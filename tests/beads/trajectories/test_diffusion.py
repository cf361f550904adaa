"""Free beads of a known diffusion constant."""

from __future__ import annotations

import math

import numpy as np
import paths
import pytest

from brightfield.beads.trajectories import Sampling, Track
from brightfield.beads.trajectories.diffusion import free


@pytest.mark.parametrize("exposed", [1.0, 0.5])
@pytest.mark.parametrize("noise_um", [0.005, 0.05])
def test_the_mean_of_beads_is_the_truth_and_intervals_cover_it(exposed: float, noise_um: float) -> None:
    sampling = Sampling(paths.RATE_HZ, exposed / paths.RATE_HZ)
    fits = [free(paths.bead(0, 3000, seed, noise_um, exposed), sampling) for seed in range(20)]
    diffusion = [fit.diffusion_um2_s for fit in fits]
    assert np.mean([estimate.value for estimate in diffusion]) == pytest.approx(paths.DIFFUSION, rel=0.03)
    assert sum(estimate.contains(paths.DIFFUSION) for estimate in diffusion) >= 17
    squares = [fit.localisation_um.value**2 for fit in fits]
    assert np.mean(squares) == pytest.approx(noise_um**2, abs=3 * np.std(squares) / math.sqrt(20))
    assert sum(fit.localisation_um.contains(noise_um) for fit in fits) >= 17


def test_the_spread_of_beads_is_what_their_intervals_say() -> None:
    fits = [free(paths.bead(0, 400, seed), paths.SAMPLING).diffusion_um2_s for seed in range(60)]
    spread = np.std(np.log([fit.value for fit in fits]))
    said = np.mean([np.log(fit.high / fit.low) / (2 * 1.96) for fit in fits])
    assert spread == pytest.approx(said, rel=0.25)


def test_gaps_cost_steps_and_bring_no_bias() -> None:
    fits = [free(paths.with_gaps(paths.bead(0, 3000, seed), 0.2, seed), paths.SAMPLING) for seed in range(20)]
    assert np.mean([fit.diffusion_um2_s.value for fit in fits]) == pytest.approx(paths.DIFFUSION, rel=0.03)
    assert sum(fit.diffusion_um2_s.contains(paths.DIFFUSION) for fit in fits) >= 17
    assert 1700 < fits[0].steps < 2150  # 0.8 squared of them


def test_a_bead_that_does_not_move() -> None:
    rng = np.random.default_rng(0)
    fits = [free(Track(np.arange(500), rng.normal(0, 0.02, (500, 2))), paths.SAMPLING) for _ in range(20)]
    assert np.mean([fit.localisation_um.value for fit in fits]) == pytest.approx(0.02, rel=0.02)
    assert max(fit.evidence for fit in fits) < 10.8
    assert all(fit.diffusion_um2_s.value < 1e-3 * paths.DIFFUSION for fit in fits)


def test_units_scale() -> None:
    track = paths.bead(0, 500, seed=3)
    twice = free(Track(track.frames, 2 * track.positions), Sampling(2 * paths.RATE_HZ))
    once = free(track, paths.SAMPLING)
    assert twice.diffusion_um2_s.value == pytest.approx(8 * once.diffusion_um2_s.value, rel=1e-4)
    assert twice.localisation_um.value == pytest.approx(2 * once.localisation_um.value, rel=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.filterwarnings("error")
def test_too_few_frames_tell_nothing(frames: int) -> None:
    fit = free(paths.bead(0, frames, seed=0), paths.SAMPLING)
    assert math.isnan(fit.diffusion_um2_s.value)
    assert not fit.diffusion_um2_s.contains(paths.DIFFUSION)


@pytest.mark.filterwarnings("error")
def test_a_bead_that_was_written_down_without_moving() -> None:
    assert math.isnan(free(Track(np.arange(50), np.ones((50, 2))), paths.SAMPLING).diffusion_um2_s.value)
