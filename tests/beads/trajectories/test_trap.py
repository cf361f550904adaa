"""Traps of known stiffness, well below and above a fifth of the frame rate."""

from __future__ import annotations

import math

import numpy as np
import paths
import pytest

from brightfield.beads.trajectories import Estimate, Sampling, Track
from brightfield.beads.trajectories.likelihood import blurred, correlation
from brightfield.beads.trajectories.trap import BOLTZMANN, equipartition, fit_track, stiffness
from brightfield.simulate.beads.motion import THERMAL_ENERGY


def test_blur() -> None:
    assert blurred(1e-9) == pytest.approx(1)
    for exposed in (1e-3, 0.5, 3.0, 40.0):  # the mean of exp(-|t - s|) over an exposure, by sums
        grid = (np.arange(2000) + 0.5) / 2000 * exposed
        assert blurred(exposed) == pytest.approx(np.exp(-np.abs(grid[:, None] - grid)).mean(), rel=1e-3)
    sampling = Sampling(100, 0.006)
    found = correlation(30, sampling, 3)
    first, second = ((np.arange(600) + 0.5) / 600 * 0.006 + start for start in (0, 0.01))
    rate = 2 * np.pi * 30
    assert found[1] == pytest.approx(np.exp(-rate * (second[:, None] - first)).mean(), rel=1e-4)
    assert found[2] == pytest.approx(found[1] * math.exp(-rate * 0.01))
    assert found[0] == pytest.approx(blurred(rate * 0.006))


@pytest.mark.parametrize(
    ("corner_hz", "exposed", "known"),
    [(8, 1.0, False), (40, 1.0, False), (80, 0.5, False), (160, 1.0, True), (40, 0.5, True)],
)
def test_the_mean_of_beads_is_the_truth_and_intervals_cover_it(corner_hz: float, exposed: float, known: bool) -> None:
    truth, sampling = paths.stiffness_of(corner_hz), Sampling(paths.RATE_HZ, exposed / paths.RATE_HZ)
    tracks = [paths.bead(corner_hz, 5000, seed, exposed=exposed) for seed in range(10)]
    fits = [fit_track(track, sampling, localisation_um=0.005 if known else None) for track in tracks]
    kappas = [stiffness(fit.variance_um2, THERMAL_ENERGY) for fit in fits]
    others = [equipartition(*pair, sampling, THERMAL_ENERGY) for pair in zip(tracks, fits, strict=True)]
    for estimates, value in (
        (kappas, truth),
        (others, truth),
        ([fit.corner_hz for fit in fits], corner_hz),
        ([fit.diffusion_um2_s for fit in fits], paths.DIFFUSION),
    ):
        values = np.array([estimate.value for estimate in estimates])
        assert values.mean() == pytest.approx(value, abs=max(0.03 * value, 3 * values.std() / math.sqrt(10)))
        assert values.mean() == pytest.approx(value, rel=0.08)
        assert sum(estimate.contains(value) for estimate in estimates) >= 7
    assert min(fit.goodness for fit in fits) > 1e-3
    assert np.mean([fit.deviance for fit in fits]) == pytest.approx(1, abs=0.3)


def test_gaps_bring_no_bias() -> None:
    tracks = [paths.with_gaps(paths.bead(30, 4000, seed), 0.25, seed) for seed in range(10)]
    kappas = [stiffness(fit_track(track, paths.SAMPLING).variance_um2, THERMAL_ENERGY) for track in tracks]
    assert np.mean([kappa.value for kappa in kappas]) == pytest.approx(paths.stiffness_of(30), rel=0.03)


def test_both_ways_to_stiffness_are_one() -> None:
    fit = fit_track(paths.bead(30, 3000, seed=0), paths.SAMPLING)
    drag = THERMAL_ENERGY / fit.diffusion_um2_s.value
    assert stiffness(fit.variance_um2, THERMAL_ENERGY).value == pytest.approx(2 * np.pi * drag * fit.corner_hz.value)
    assert pytest.approx(THERMAL_ENERGY, rel=2e-3) == BOLTZMANN * 298.15
    assert stiffness(Estimate(0.5, 0.0, 1.0), 4.0) == Estimate(8.0, 4.0, math.inf)


def test_slow_drift_is_seen_and_can_be_cut_off() -> None:
    track = paths.bead(40, 8000, seed=0)
    pushed = Track(track.frames, track.positions + 0.1 * np.sin(np.arange(8000) / 1200)[:, None])
    fit, cut = fit_track(pushed, paths.SAMPLING), fit_track(pushed, paths.SAMPLING, lowest_hz=2.0)
    assert fit.goodness < 1e-6
    assert cut.goodness > 0.01
    assert stiffness(cut.variance_um2, THERMAL_ENERGY).value == pytest.approx(paths.stiffness_of(40), rel=0.06)
    assert stiffness(fit.variance_um2, THERMAL_ENERGY).value < 0.9 * paths.stiffness_of(40)


@pytest.mark.filterwarnings("error")
def test_too_little_to_fit() -> None:
    few = fit_track(paths.bead(30, 10, seed=0), paths.SAMPLING)
    assert (few.evidence, few.relaxations) == (0, 0)
    assert math.isnan(few.corner_hz.value)
    still = fit_track(Track(np.arange(100), np.ones((100, 2))), paths.SAMPLING)
    assert math.isnan(still.variance_um2.value)
    assert math.isnan(fit_track(paths.bead(30, 100, seed=0), paths.SAMPLING, lowest_hz=1e4).goodness)
